/** Updates with a schema: the result is validated inside a transaction before anyone sees it. */
import { encodeDocuments } from './codec/encode.js'
import type { Definition } from './definition.js'
import type { Session } from './session.js'
import { atomically } from './transaction.js'
import type { WriteOptions } from './types/options.js'
import type { StandardSchema } from './types/schema.js'
import type { UpdateTarget, WireUpdate } from './update.js'
import { type Stored, validateAll } from './validation.js'

/** Runs the update `command` and answers what it did, if every document fits the schema then. */
export function updateChecked(
  session: Session,
  definition: Definition,
  schema: StandardSchema,
  command: { readonly op: string },
  target: UpdateTarget,
  options: WriteOptions,
): Promise<WireUpdate> {
  return atomically(session, options, (inner) =>
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
): Promise<WireUpdate> {
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
  return result
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
