/** Built-in aggregates, as aggregations: what `{ total: { $sum: … } }` means. */
import { invalid } from '../errors.js'
import type { Aggregation } from './options.js'

type Any = Aggregation<unknown, unknown, unknown>
type Pick = (value: unknown) => unknown
type Pair = [sum: number, count: number]

export const COUNT: Any = {
  init: () => 0,
  add: (n) => (n as number) + 1,
  merge: (a, b) => (a as number) + (b as number),
}

function numberOf(pick: Pick, value: unknown): number {
  const number = pick(value)
  if (typeof number !== 'number' || !Number.isFinite(number))
    throw invalid(`aggregate: the function must answer a finite number, got ${String(number)}`)
  return number
}

const MAKERS: Readonly<Record<string, (pick: Pick) => Any>> = {
  $count: () => COUNT,
  $sum: (pick) => ({ ...COUNT, add: (sum, value) => (sum as number) + numberOf(pick, value) }),
  $avg: (pick) => ({
    init: () => [0, 0],
    add: (all, value) => [(all as Pair)[0] + numberOf(pick, value), (all as Pair)[1] + 1],
    merge: (a, b) => [(a as Pair)[0] + (b as Pair)[0], (a as Pair)[1] + (b as Pair)[1]],
    result: (all) => (all as Pair)[0] / (all as Pair)[1],
  }),
  $min: (pick) => extreme(pick, Math.min),
  $max: (pick) => extreme(pick, Math.max),
}

function extreme(pick: Pick, choose: (a: number, b: number) => number): Any {
  const both = (a: unknown, b: unknown) => (a === null ? b : b === null ? a : choose(a as number, b as number))
  return { init: () => null, add: (all, value) => both(all, numberOf(pick, value)), merge: both }
}

/** Several aggregates at once, by the names of their fields. Answers what to call it, too: part of a stream's shape. */
export function combined(fields: Readonly<Record<string, unknown>>): { how: Any; label: string } {
  const parts = Object.entries(fields).map(([field, one]) => {
    const [[kind, pick] = ['', undefined], ...more] = Object.entries((one ?? {}) as Record<string, unknown>)
    const make = Object.hasOwn(MAKERS, kind) ? MAKERS[kind] : undefined
    if (make === undefined || more.length > 0)
      throw invalid(`aggregate: ${field} must be one of ${Object.keys(MAKERS).join(', ')}, got ${kind || typeof one}`)
    if (kind !== '$count' && typeof pick !== 'function') throw invalid(`aggregate: ${field}.${kind} must be a function`)
    return { field, kind, how: make(pick as Pick) }
  })
  if (parts.length === 0) throw invalid('aggregate: give at least one field, or { init, add }')
  const each = (work: (part: (typeof parts)[number], at: number) => unknown) => parts.map(work)
  const how: Any = {
    init: () => each((part) => part.how.init()),
    add: (all, value, context) => each((part, at) => part.how.add((all as unknown[])[at], value, context)),
    merge: (a, b) => each((part, at) => part.how.merge?.((a as unknown[])[at], (b as unknown[])[at])),
    result: (all) =>
      Object.fromEntries(
        parts.map((part, at) => {
          const one = (all as unknown[])[at]
          return [part.field, part.how.result === undefined ? one : part.how.result(one)]
        }),
      ),
  }
  return { how, label: parts.map(({ field, kind }) => `${field}:${kind}`).join(',') }
}
