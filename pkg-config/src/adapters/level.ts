/**
 * A store of the abstract-level family on a collection: ordered keys of bytes, ranges, atomic batches, sublevels. An entry is a document
 * whose id is the key. It has no snapshots: an iterator sees what is written behind the page of entries that it holds.
 */
import { AbstractIterator, AbstractLevel, type AbstractDatabaseOptions } from 'abstract-level'
import type { Collection } from '../collection.js'
import type { Database } from '../database.js'
import { idOf, keyOf, rangeFilter, type Range } from './level_keys.js'

/** Options of {@link TidewellLevel}. */
export interface LevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** The collection that holds the entries. Default `level`. */
  readonly collection?: string | undefined
}

interface Entry {
  readonly id: string
  readonly value: Uint8Array
}

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

/** The private options of an iterator. */
interface IteratorOptions extends Range {
  readonly reverse: boolean
  readonly values: boolean
  readonly limit: number
}

/** How many entries an iterator fetches at first, and at most. */
const PAGE_MIN = 16
const PAGE_MAX = 1024

/**
 * Keys and values of any encoding, kept in a collection of an open database, which stays open: `new TidewellLevel(db)`. A key takes up to 511
 * bytes, of which those from 0x80 on count double; a value up to about 700 KiB.
 */
export class TidewellLevel<K = string, V = string> extends AbstractLevel<Uint8Array, K, V> {
  readonly #database: Database | Promise<Database>
  readonly #name: string
  #entries: Collection<Entry, Entry> | undefined

  /**
   * A store of the abstract-level family.
   *
   * @param database an open database, or a promise of one: the store opens when that is there.
   */
  constructor(database: Database | Promise<Database>, options: LevelOptions<K, V> = {}) {
    const { collection = 'level', ...others } = options
    super({ encodings: { view: true }, seek: true, has: true, permanence: true, implicitSnapshots: false }, others)
    this.#database = database
    this.#name = collection
  }

  /** @internal */
  async _open(): Promise<void> {
    this.#entries = (await this.#database).collection<Entry>(this.#name) as unknown as Collection<Entry, Entry>
  }

  /** @internal The entries of an open store. */
  get entries(): Collection<Entry, Entry> {
    if (this.#entries === undefined) throw new Error('the store is not open')
    return this.#entries
  }

  /** @internal */
  async _get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.entries.get(idOf(key)))?.value
  }

  /** @internal */
  async _getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return (await this.entries.getMany(keys.map(idOf))).map((entry) => entry?.value)
  }

  /** @internal */
  async _has(key: Uint8Array): Promise<boolean> {
    return (await this._get(key)) !== undefined
  }

  /** @internal */
  async _hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    return (await this._getMany(keys)).map((value) => value !== undefined)
  }

  /** @internal */
  async _put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.entries.put({ id: idOf(key), value })
  }

  /** @internal */
  async _del(key: Uint8Array): Promise<void> {
    await this.entries.delete(idOf(key))
  }

  /** @internal One commit. Of several operations on a key the last one holds. */
  async _batch(operations: readonly Operation[]): Promise<void> {
    const last = new Map(operations.map((operation) => [idOf(operation.key), operation]))
    const puts: Entry[] = []
    const gone: string[] = []
    for (const [id, operation] of last) {
      if (operation.type === 'put') puts.push({ id, value: operation.value })
      else gone.push(id)
    }
    if (gone.length === 0) await this.entries.putMany(puts)
    else if (puts.length === 0) await this.entries.deleteMany(gone)
    else
      await (
        await this.#database
      ).transaction(async (tx) => {
        const entries = tx.collection<Entry>(this.#name)
        await entries.deleteMany(gone)
        await entries.putMany(puts)
      })
  }

  /** @internal */
  async _clear({
    reverse,
    limit,
    ...range
  }: Range & { readonly reverse: boolean; readonly limit: number }): Promise<void> {
    const filter = rangeFilter(range)
    if (limit === -1 || limit === Infinity) return void (await this.entries.deleteMany(filter))
    const some = this.entries.find(filter).sort({ id: reverse ? -1 : 1 })
    const gone = await some.limit(limit).project({ id: 1 }).toArray()
    if (gone.length > 0) await this.entries.deleteMany(gone.map(({ id }) => id))
  }

  /** @internal */
  _iterator(options: IteratorOptions): AbstractIterator<this, K, V> {
    return new LevelIterator<this, K, V>(this, options)
  }
}

/** Fetches entries page by page, each behind the last entry of the one before. */
class LevelIterator<D extends TidewellLevel<K, V>, K, V> extends AbstractIterator<D, K, V> {
  readonly #options: IteratorOptions
  #held: Entry[] = []
  #at = 0
  #size = PAGE_MIN
  /** Where the next page begins: behind an id, or at one; undefined at the end of the range. */
  #from: { readonly id: string; readonly isIncluded: boolean } | undefined
  #isAtEnd = false

  constructor(db: D, options: IteratorOptions) {
    super(db, options as unknown as ConstructorParameters<typeof AbstractIterator<D, K, V>>[1])
    this.#options = options
  }

  async _next(): Promise<[Uint8Array, Uint8Array | undefined] | undefined> {
    return (await this._nextv(1))[0]
  }

  async _nextv(size: number): Promise<[Uint8Array, Uint8Array | undefined][]> {
    const entries: [Uint8Array, Uint8Array | undefined][] = []
    while (entries.length < size) {
      if (this.#at === this.#held.length && !(await this.#fetch(size - entries.length))) break
      const entry = this.#held[this.#at++]
      if (entry !== undefined) entries.push([keyOf(entry.id), this.#options.values ? entry.value : undefined])
    }
    return entries
  }

  async _all(): Promise<[Uint8Array, Uint8Array | undefined][]> {
    return this._nextv(this.limit - this.count)
  }

  _seek(target: Uint8Array): void {
    this.#held = []
    this.#at = 0
    this.#from = { id: idOf(target), isIncluded: true }
    this.#isAtEnd = false
  }

  async #fetch(wanted: number): Promise<boolean> {
    if (this.#isAtEnd) return false
    const { reverse } = this.#options
    const size = Math.min(Math.max(wanted, this.#size), PAGE_MAX)
    const filter = rangeFilter(this.#options, this.#from, reverse)
    const page = this.db.entries
      .find(filter)
      .sort({ id: reverse ? -1 : 1 })
      .limit(size)
    this.#held = (await (this.#options.values ? page : page.project({ id: 1 })).toArray()) as Entry[]
    this.#at = 0
    this.#size = Math.min(size * 2, PAGE_MAX)
    this.#isAtEnd = this.#held.length < size
    const last = this.#held.at(-1)
    if (last !== undefined) this.#from = { id: last.id, isIncluded: false }
    return this.#held.length > 0
  }
}
