/** Updates; those with a schema are in `checked.ts`. */
import type { Definition } from './definition.js'
import { invalid } from './errors.js'
import { seldom } from './later.js'
import type { Session } from './session.js'
import type { UpdateOptions, UpdateResult } from './types/options.js'
import { uuidv7 } from './uuid.js'
import type { Stored } from './validation.js'

/** Which documents to update. */
export type UpdateTarget = { readonly id: string } | { readonly filter: unknown }

/** What the engine answers. */
export interface WireUpdate {
  readonly matched: number
  readonly modified: number
  readonly inserted?: number
  readonly ids?: readonly string[]
  readonly docs?: readonly (Stored | null)[]
}

/** Runs an update and answers what it did. */
export async function runUpdate(
  session: Session,
  definition: Definition,
  target: UpdateTarget,
  update: unknown,
  options: UpdateOptions,
): Promise<UpdateResult> {
  if (typeof update !== 'object' || update === null)
    throw invalid('update: give update operators, such as { $set: { … } }')
  const { upsert, arrayFilters, ...writing } = options
  const command = {
    op: 'update',
    collection: definition.name,
    ...target,
    update,
    arrayFilters,
    upsert: upsert === true ? true : undefined,
    newId: upsert === true && 'filter' in target ? uuidv7() : undefined,
    version: definition.writeVersion,
  }
  const { schema } = definition
  if (schema === undefined) return summary((await session.write(command, 'update', writing)) as WireUpdate)
  const parts = seldom()
  const { updateChecked } = parts instanceof Promise ? await parts : parts
  return summary(await updateChecked(session, definition, schema, command, target, writing))
}

function summary({ matched, modified, inserted = 0, ids = [] }: WireUpdate): UpdateResult {
  return { matched, modified, inserted, ids }
}
