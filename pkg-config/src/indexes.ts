/** Index definitions as commands take them. The engine decides what is a valid definition. */
import { invalid } from './errors.js'
import type { Hint, IndexDefinition, IndexSpec } from './types/options.js'

/** An index definition as docs/COMMANDS.md has it. */
export interface WireIndex {
  readonly fields: readonly (string | readonly [string, 1 | -1])[]
  readonly name: string
  readonly unique?: boolean
}

/** The full definition of an index given in any form. */
export function toWireIndex<T>(spec: IndexSpec<T>): WireIndex {
  if (typeof spec === 'string') return { fields: [spec], name: spec }
  if (isList<string>(spec)) return { fields: spec, name: spec.join(',') }
  if (typeof spec !== 'object' || spec === null)
    throw invalid(`an index is a path, an array of paths or { fields }, got ${spec === null ? 'null' : typeof spec}`)
  const { fields, name, unique } = spec as IndexDefinition<Record<string, unknown>>
  const list = typeof fields === 'string' ? [fields] : fields
  if (!isList(list)) throw invalid('index.fields: give a path or an array of paths')
  const paths = list.map((field) => (typeof field === 'string' ? field : field[0]))
  return { fields: list, name: name ?? paths.join(','), ...(unique === true ? { unique } : {}) }
}

/** The index name a hint means. */
export function toWireHint<T>(hint: Hint<T> | undefined): string | undefined {
  if (hint === undefined || typeof hint === 'string') return hint
  if (isList<string>(hint)) return hint.join(',')
  return (hint as { readonly name: string }).name
}

function isList<E>(value: unknown): value is readonly E[] {
  return Array.isArray(value)
}
