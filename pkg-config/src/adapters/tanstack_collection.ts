/**
 * A collection of TanStack DB that is a collection of the database: its rows are the documents, live from every tab, and what is done to
 * rows is committed. It needs neither TanStack DB nor the rest of the package.
 */
import type { Collection } from '../collection.js'
import type { LiveResult } from '../types/options.js'

/** What a collection of TanStack DB tells of a row that was changed. */
interface RowMutation<T> {
  readonly key: string
  readonly modified: T
}

interface MutationParams<T> {
  readonly transaction: { readonly mutations: readonly RowMutation<T>[] }
}

/** How TanStack DB is told of rows. */
interface SyncParams<T> {
  readonly begin: () => void
  readonly write: (
    message:
      { readonly type: 'insert' | 'update'; readonly value: T } | { readonly type: 'delete'; readonly key: string },
  ) => void
  readonly commit: () => unknown
  readonly markReady: () => void
  readonly markError: (error?: unknown) => void
  readonly truncate: () => void
}

/** Options for `createCollection`. */
export interface TidewellCollectionOptions<T extends { id: string }> {
  readonly id: string
  /** The id of the document. */
  readonly getKey: (row: T) => string
  /** How rows follow the documents. */
  readonly sync: {
    readonly rowUpdateMode: 'full'
    /** Begins to follow them; what it answers ends that. */
    readonly sync: (params: SyncParams<T>) => () => void
  }
  /** Inserts the documents of rows, in one commit. */
  readonly onInsert: (params: MutationParams<T>) => Promise<void>
  /** Stores changed rows, in one commit. */
  readonly onUpdate: (params: MutationParams<T>) => Promise<void>
  /** Deletes the documents of rows, in one commit. */
  readonly onDelete: (params: MutationParams<T>) => Promise<void>
}

/** How long a committed change may take to show before it is let go without: one that changes nothing never shows. */
const SHOW_MS = 1000

/**
 * `createCollection(tidewellCollectionOptions({ collection: db.collection<Todo>('todos') }))`. Rows that were inserted, updated or deleted together
 * are one commit; where it fails, TanStack DB takes the rows back. An update stores the row as it was seen, whatever others did to it meanwhile.
 */
export function tidewellCollectionOptions<T extends { id: string }, In>(config: {
  readonly collection: Collection<T, In>
  /** The name of TanStack DB's collection. Default: that of the collection. */
  readonly id?: string | undefined
}): TidewellCollectionOptions<T> {
  const { collection, id = collection.name } = config
  const rows = new Rows<T>()
  // A row is a document with everything that writing one takes.
  const rowsOf = (all: readonly RowMutation<T>[]) => all.map(({ modified }) => modified as unknown as In)
  /** Resolves when the rows show what was written. */
  const write = async (
    { transaction }: MutationParams<T>,
    commit: (rows: readonly RowMutation<T>[]) => Promise<unknown>,
  ) => {
    const { mutations } = transaction
    const before = mutations.map(({ key }) => rows.get(key))
    await commit(mutations)
    await rows.until(() => mutations.every(({ key }, at) => rows.get(key) !== before[at]))
  }
  return {
    id,
    getKey: (row) => row.id,
    sync: { rowUpdateMode: 'full', sync: (params) => synchronise(collection, rows, params) },
    onInsert: (params) => write(params, (all) => collection.insertMany(rowsOf(all))),
    onUpdate: (params) => write(params, (all) => collection.putMany(rowsOf(all))),
    onDelete: (params) => write(params, (all) => collection.deleteMany(all.map(({ key }) => key))),
  }
}

function synchronise<T extends { id: string }, In>(
  collection: Collection<T, In>,
  rows: Rows<T>,
  params: SyncParams<T>,
): () => void {
  const { begin, write, commit, markReady, markError, truncate } = params
  let isFirst = true
  const deliver = ({ docs, diff }: LiveResult<T>) => {
    begin()
    if (diff === null) {
      if (!isFirst) truncate()
      for (const value of docs) write({ type: 'insert', value })
    } else {
      for (const { id } of diff.removed) write({ type: 'delete', key: id })
      for (const { doc } of diff.added) write({ type: 'insert', value: doc })
      for (const { doc } of [...diff.moved, ...diff.changed]) write({ type: 'update', value: doc })
    }
    commit()
    rows.replace(docs)
    if (isFirst) markReady()
    isFirst = false
  }
  return collection.find().subscribe(deliver, { onError: markError })
}

/** The rows that were told last, and who waits for others. */
class Rows<T extends { id: string }> {
  #rows = new Map<string, T>()
  readonly #waiting = new Set<() => void>()

  get(id: string): T | undefined {
    return this.#rows.get(id)
  }

  replace(docs: readonly T[]): void {
    this.#rows = new Map(docs.map((doc) => [doc.id, doc]))
    for (const look of [...this.#waiting]) look()
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const look = () => {
        if (holds()) done()
      }
      const timer = setTimeout(done, SHOW_MS)
      this.#waiting.add(look)
      look()
    })
  }
}
