/** Dexie's databases, or any others of IndexedDB: an object store becomes a collection, a key an id, an index an index. */
import type { Database } from '../database.js'
import { invalid } from '../errors.js'
import { checked, type FoundIndex, type Item, migrate, type Part, type Source } from './copy.js'
import { countOf, entries, hasMixedKeys, openExisting } from './indexeddb.js'
import { Ids } from './keys.js'
import type { MigrationOptions, MigrationResult } from './options.js'

/** A Dexie database, as far as an import needs it. */
export interface DexieLike {
  /** The name of its database in IndexedDB. */
  readonly name: string
}

/**
 * Copies a Dexie database into collections: documents by their keys, and the indexes. It reads IndexedDB itself, so it needs no Dexie, and
 * takes databases that were made by hand as well. Run it again after an interruption: it goes on; once it has finished, it does nothing.
 *
 * Numbers, dates and compound keys become texts (`7`, `2030-01-31T00:00:00.000Z`, `["a",7]`); the field they were in keeps them, unless it is
 * `id`. Nothing should write there meanwhile.
 *
 * @throws TidewellError `invalid`, reasons `no-such-database`, `bad-key` (a key that cannot be an id), `id-taken` (a document with an `id` that
 * is not its key), `bad-document`; whatever storing throws.
 */
export async function importFromDexie(
  db: Database,
  source: string | DexieLike,
  options?: MigrationOptions,
): Promise<MigrationResult> {
  const settings = checked(options, 'importFromDexie')
  const name: unknown = typeof source === 'string' ? source : source?.name
  if (typeof name !== 'string' || name === '')
    throw invalid('importFromDexie: give the name of a database, or a Dexie instance')
  return migrate(db, await dexieSource(name), settings)
}

async function dexieSource(name: string): Promise<Source> {
  const database = await openExisting(name)
  const parts = () => Promise.all([...database.objectStoreNames].map((store) => storePart(database, store)))
  return { name: `dexie:${name}`, parts, attachments: () => 0, close: () => database.close() }
}

async function storePart(database: IDBDatabase, store: string): Promise<Part> {
  const { keyPath, indexNames } = database.transaction(store).objectStore(store)
  const ids = new Ids(await hasMixedKeys(database, store))
  return {
    from: store,
    into: store,
    total: await countOf(database, store),
    indexes: indexesOf(database, store, [...indexNames]),
    async *batches() {
      for await (const batch of entries(database, store))
        yield batch.map(({ key, value }): Item => ({
          key,
          document: () => documentOf(key, value, keyPath, ids, store),
        }))
    },
  }
}

function documentOf(key: IDBValidKey, value: unknown, keyPath: string | string[] | null, ids: Ids, store: string) {
  const id = ids.of(key, store)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) return { id, value }
  const { id: own, ...fields } = value as Record<string, unknown>
  // An `id` that is the key, or a part of it, is told by the new one.
  const isKey =
    keyPath === 'id' || (Array.isArray(keyPath) && keyPath.includes('id')) || own === undefined || own === id
  if (!isKey)
    throw invalid(
      `${store} at key ${JSON.stringify(key)}: it has a field "id" that is not its key: there is no room for both; rename it first`,
      'id-taken',
    )
  return { id, ...fields }
}

function indexesOf(database: IDBDatabase, store: string, names: readonly string[]): FoundIndex[] {
  const from = database.transaction(store).objectStore(store)
  return names.map((name) => {
    const { keyPath, unique } = from.index(name)
    return { fields: Array.isArray(keyPath) ? keyPath : [keyPath], unique }
  })
}
