/** PouchDB's databases: by an instance, whatever its adapter, or by name where the adapter is `idb`. */
import type { Database } from '../database.js'
import { invalid } from '../errors.js'
import { checked, type Item, migrate, type Part, type Source } from './copy.js'
import { answer, BATCH, countOf, entries, openExisting } from './indexeddb.js'
import { idOf } from './keys.js'
import type { MigrationOptions, MigrationResult } from './options.js'

/** A PouchDB database, as far as an import needs it. */
export interface PouchLike {
  /** Its name. */
  readonly name: string
  /** Pages of its documents. */
  allDocs(options: object): Promise<{ total_rows: number; rows: readonly object[] }>
}

/** Options of {@link importFromPouch}. */
export interface PouchOptions extends MigrationOptions {
  /** The collection: a name, or of each document by what it is, null leaving it out. The database's name unless given. */
  readonly into?: string | ((document: Record<string, unknown>) => string | null) | undefined
}

/**
 * Copies the current documents of a PouchDB database: `_id` becomes `id`, `_rev` goes, design documents and attachments stay behind (the result
 * counts the latter). Give an instance, or the name of a database of the adapter `idb`. Run it again after an interruption: it goes on.
 *
 * @throws TidewellError `invalid`, reasons `no-such-database`, `bad-key`, `id-taken`, `bad-document`; whatever storing throws.
 */
export async function importFromPouch(
  db: Database,
  source: string | PouchLike,
  options?: PouchOptions,
): Promise<MigrationResult> {
  const settings = checked(options, 'importFromPouch')
  if (typeof source === 'string' && source !== '') return migrate(db, await stored(source, settings), settings)
  if (typeof source !== 'object' || typeof source?.allDocs !== 'function' || typeof source.name !== 'string')
    throw invalid('importFromPouch: give a PouchDB instance, or the name of a database')
  return migrate(db, open(source, settings), settings)
}

class Attachments {
  count = 0

  /** The document without what is PouchDB's. */
  stripped(document: Record<string, unknown>, from: string): Record<string, unknown> & { id: string } {
    const { _id, _rev, _attachments, _conflicts, _doc_id_rev, id: own, ...fields } = document
    const id = idOf(_id, from)
    if (own !== undefined && own !== id)
      throw invalid(
        `${from} at ${JSON.stringify(id)}: it has a field "id" beside its _id: there is no room for both; rename it first`,
        'id-taken',
      )
    this.count += Object.keys((_attachments ?? {}) as object).length
    return { id, ...fields }
  }
}

const isDesign = (id: unknown) => typeof id === 'string' && id.startsWith('_design/')

function open(pouch: PouchLike, { into }: PouchOptions): Source {
  const attachments = new Attachments()
  const part = async (): Promise<Part> => ({
    from: pouch.name,
    into: into ?? pouch.name,
    total: (await pouch.allDocs({ limit: 0 })).total_rows,
    indexes: [],
    async *batches() {
      let last: string | undefined
      for (;;) {
        const behind = last === undefined ? {} : { startkey: last, skip: 1 }
        const { rows } = await pouch.allDocs({ include_docs: true, limit: BATCH, ...behind })
        const found = rows as readonly { readonly id: string; readonly doc?: Record<string, unknown> }[]
        yield found
          .filter(({ id, doc }) => doc !== undefined && !isDesign(id))
          .map(({ id, doc }): Item => ({ key: id, document: () => attachments.stripped(doc ?? {}, pouch.name) }))
        if (found.length < BATCH) return
        last = found.at(-1)?.id
      }
    },
  })
  return {
    name: `pouch:${pouch.name}`,
    parts: async () => [await part()],
    attachments: () => attachments.count,
    close: () => undefined,
  }
}

/** What the adapter `idb` keeps of a document in `document-store`. */
interface Kept {
  readonly id: string
  readonly deletedOrLocal: '0' | '1'
  readonly winningRev: string
}

async function stored(name: string, { into }: PouchOptions): Promise<Source> {
  const database = await openExisting(`_pouch_${name}`)
  if (!database.objectStoreNames.contains('document-store') || !database.objectStoreNames.contains('by-sequence')) {
    database.close()
    throw invalid(
      `the database "${name}" was not made by PouchDB's adapter idb: give the PouchDB instance itself`,
      'no-such-database',
    )
  }
  const attachments = new Attachments()
  const part = async (): Promise<Part> => ({
    from: name,
    into: into ?? name,
    total: await countOf(database, 'document-store'),
    indexes: [],
    async *batches() {
      for await (const batch of entries(database, 'document-store')) yield revisions(database, batch, name, attachments)
    },
  })
  return {
    name: `pouch:${name}`,
    parts: async () => [await part()],
    attachments: () => attachments.count,
    close: () => database.close(),
  }
}

/** The winning revisions of a batch of documents that are not deleted. */
async function revisions(
  database: IDBDatabase,
  batch: readonly { value: unknown }[],
  name: string,
  attachments: Attachments,
): Promise<Item[]> {
  const current = batch
    .map(({ value }) => value as Kept)
    .filter(
      ({ id, deletedOrLocal, winningRev }) => deletedOrLocal === '0' && typeof winningRev === 'string' && !isDesign(id),
    )
  const index = database.transaction('by-sequence').objectStore('by-sequence').index('_doc_id_rev')
  const found = await Promise.all(current.map(({ id, winningRev }) => answer(index.get(`${id}::${winningRev}`))))
  return current.map(({ id }, at): Item => {
    const fields = found[at] as Record<string, unknown> | undefined
    return { key: id, document: () => attachments.stripped({ ...fields, _id: id }, name) }
  })
}
