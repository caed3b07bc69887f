/** RxDB's databases: by an instance, whatever its storage. */
import type { Database } from '../database.js'
import { invalid } from '../errors.js'
import { checked, type FoundIndex, type Item, migrate, type Part } from './copy.js'
import { BATCH } from './indexeddb.js'
import { idOf } from './keys.js'
import type { MigrationOptions, MigrationResult } from './options.js'

/** A collection of RxDB, as far as an import needs it. */
export interface RxCollectionLike {
  /** What documents look like, and which field is the key. */
  readonly schema: { readonly primaryPath: unknown; readonly jsonSchema: { readonly indexes?: unknown } }
  // RxDB types what is asked by the collection's own documents.
  /** The documents that meet a query. */
  find(query?: never): { exec(): Promise<unknown> }
  /** How many there are. */
  count(query?: never): { exec(): Promise<unknown> }
}

/** An RxDB database, as far as an import needs it. */
export interface RxDatabaseLike {
  /** Its name. */
  readonly name: string
  /** What it holds. */
  readonly collections: { readonly [name: string]: RxCollectionLike }
}

/**
 * Copies the collections of an open RxDB database, whatever storage it has, encryption and compression undone: the primary key becomes `id` (its
 * own field keeps it, too), the indexes are made here. Attachments stay behind. Run it again after an interruption: it goes on.
 *
 * @throws TidewellError `invalid`, reasons `bad-key`, `id-taken`, `bad-document`; whatever storing throws.
 */
export async function importFromRx(
  db: Database,
  source: RxDatabaseLike,
  options?: MigrationOptions,
): Promise<MigrationResult> {
  const settings = checked(options, 'importFromRx')
  if (typeof source !== 'object' || typeof source?.collections !== 'object' || typeof source.name !== 'string')
    throw invalid('importFromRx: give an open RxDB database')
  let attachments = 0
  const stripped = (document: Record<string, unknown>, primary: string, from: string) => {
    const { _rev, _meta, _attachments, _deleted, id: own, ...fields } = document
    const id = idOf(primary === 'id' ? own : fields[primary], from)
    if (own !== undefined && own !== id)
      throw invalid(
        `${from} at ${JSON.stringify(id)}: it has a field "id" that is not its primary key: there is no room for both; rename it first`,
        'id-taken',
      )
    attachments += Object.keys((_attachments ?? {}) as object).length
    return { id, ...fields }
  }
  const parts = () =>
    Promise.all(Object.entries(source.collections).map(([name, collection]) => partOf(name, collection, stripped)))
  return migrate(
    db,
    { name: `rx:${source.name}`, parts, attachments: () => attachments, close: () => undefined },
    settings,
  )
}

type Strip = (
  document: Record<string, unknown>,
  primary: string,
  from: string,
) => Record<string, unknown> & { id: string }

async function partOf(name: string, collection: RxCollectionLike, stripped: Strip): Promise<Part> {
  const { schema } = collection
  const primary = String(schema.primaryPath)
  return {
    from: name,
    into: name,
    total: Number(await collection.count().exec()),
    indexes: indexesOf(schema.jsonSchema.indexes, primary),
    async *batches() {
      let last: unknown
      for (;;) {
        const selector = last === undefined ? {} : { [primary]: { $gt: last } }
        const query = { selector, sort: [{ [primary]: 'asc' }], limit: BATCH }
        const found = (await collection.find(query as never).exec()) as readonly {
          toMutableJSON(withMeta: boolean): Record<string, unknown>
        }[]
        const documents = found.map((one) => one.toMutableJSON(true))
        yield documents.map((document): Item => ({
          key: document[primary],
          document: () => stripped(document, primary, name),
        }))
        if (documents.length < BATCH) return
        last = documents.at(-1)?.[primary]
      }
    },
  }
}

/** The indexes as they were declared: RxDB adds fields of its own in front, and the primary key behind, which ids are here. */
function indexesOf(indexes: unknown, primary: string): FoundIndex[] {
  if (!Array.isArray(indexes)) return []
  const all = new Map<string, FoundIndex>()
  for (const index of indexes) {
    const fields = (Array.isArray(index) ? (index as string[]) : [String(index)]).filter(
      (field) => !field.startsWith('_'),
    )
    if (fields.at(-1) === primary) fields.pop()
    if (fields.length > 0) all.set(fields.join(), { fields, unique: false })
  }
  return [...all.values()]
}
