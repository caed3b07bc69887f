/** Updates, plain and with a schema: then the result is validated inside a transaction before anyone sees it. */
import { encodeDocuments } from './codec/encode.js'
import type { Definition } from './definition.js'
import { invalid } from './errors.js'
import type { Session } from './session.js'
import { atomically } from './transaction.js'
import type { UpdateOptions, UpdateResult } from './types/options.js'
import type { StandardSchema } from './types/schema.js'
import { uuidv7 } from './uuid.js'
import { type Stored, validateAll } from './validation.js'

/** Which documents to update. */
export type UpdateTarget = { readonly id: string } | { readonly filter: unknown }

interface WireUpdate {
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
  return atomically(session, writing, (inner) =>
    updateValidated(inner, definition, schema, command, target, session.tx !== undefined),
  )
}

/** `joined`: the transaction is the application's, so a refused update must be undone in it rather than rolled back. */
async function updateValidated(
  session: Session,
  definition: Definition,
  schema: StandardSchema,
  command: { readonly op: string },
  target: UpdateTarget,
  joined: boolean,
): Promise<UpdateResult> {
  const before = joined ? await session.read(beforeCommand(definition.name, target), 'update') : []
  const result = (await session.write({ ...command, returning: 'after' }, 'update')) as WireUpdate
  const after = (result.docs ?? []).filter((document) => document !== null)
  try {
    const validated = await validateAll(after, schema)
    const changed = validated.filter((document, at) => encodeDocuments([document]) !== encodeDocuments([after[at]]))
    if (changed.length > 0) await session.writeBatch('put', definition.name, changed, definition.writeVersion)
  } catch (error) {
    if (joined)
      await undo(
        session,
        definition,
        after,
        (before as (Stored | null)[]).filter((document) => document !== null),
      )
    throw error
  }
  return summary(result)
}

function beforeCommand(collection: string, target: UpdateTarget) {
  return 'id' in target
    ? { op: 'getMany', collection, ids: [target.id] }
    : { op: 'find', collection, filter: target.filter }
}

async function undo(
  session: Session,
  definition: Definition,
  after: readonly Stored[],
  before: readonly Stored[],
): Promise<void> {
  const known = new Set(before.map(({ id }) => id))
  const added = after.map(({ id }) => id).filter((id) => !known.has(id))
  if (before.length > 0) await session.writeBatch('put', definition.name, before, definition.writeVersion)
  if (added.length > 0) await session.write({ op: 'delete', collection: definition.name, ids: added }, 'update')
}

function summary({ matched, modified, inserted = 0, ids = [] }: WireUpdate): UpdateResult {
  return { matched, modified, inserted, ids }
}
