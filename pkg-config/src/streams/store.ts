/**
 * Where a stream keeps what it must not forget: a collection of its own, `stream:NAME`. The document `$` says how far it is; one
 * document per key holds what is open of that key. Its format is in docs/FORMAT.md.
 */
import type { Collection } from '../collection.js'
import type { Database } from '../database.js'
import { TidewellError, toError } from '../errors.js'
import type { Transaction } from '../transaction.js'
import type { ClockState } from './clock.js'
import type { KeyState, Operator, Stored } from './operator.js'
import { FunctionError, type Rec } from './record.js'

const FORMAT = 1
const HEAD = '$'
/** So many keys are closed in one commit. */
const CLOSE_MAX = 500

/** How far a stream is. */
export interface Head extends ClockState {
  readonly id: typeof HEAD
  readonly format: number
  readonly shape: string
  /** Counts the commits: whoever knows an older number was outrun. */
  readonly seq: number
  /** Of each source, by its name: the offset of the next message. */
  readonly next: Readonly<Record<string, number>>
  /** Up to this watermark all that was due is closed. */
  readonly closed: number | null
  /** More is due than one commit took. */
  readonly pending: boolean
  readonly in: number
  readonly out: number
  readonly late: number
  readonly dead: number
  /** What fails again and again, how often, and why. */
  readonly failing: { readonly at: string; readonly attempts: number; readonly error: string } | null
}

/** What is stored of a key: the id is `k` and the key. */
interface KeyDocument extends Stored {
  readonly id: string
}

/** A key in the hands of a batch. */
export interface OpenKey {
  readonly state: KeyState
  /** Whether there is a document of it. */
  readonly isStored: boolean
}

/** The name of a stream's own collection. */
export function collectionOf(stream: string): string {
  return `stream:${stream}`
}

export class Store {
  readonly #database: Database
  readonly #name: string

  constructor(database: Database, stream: string) {
    this.#database = database
    this.#name = collectionOf(stream)
  }

  /** The head outside of transactions; sees that the collection has its index. */
  async head(): Promise<Head | null> {
    const collection = this.#database.collection<Head>(this.#name, { indexes: ['close' as never] })
    return checked(await collection.get(HEAD))
  }

  async headIn(tx: Transaction): Promise<Head | null> {
    return checked(await tx.collection<Head>(this.#name).get(HEAD))
  }

  async putHead(tx: Transaction, head: Omit<Head, 'id' | 'format'>): Promise<Head> {
    const whole: Head = { ...head, id: HEAD, format: FORMAT }
    await tx.collection<Head>(this.#name).put(whole)
    return whole
  }

  /** When the next of what is open is due. */
  async nextClose({ closed }: Head): Promise<number> {
    const after = closed === null ? {} : { $gt: closed }
    const collection = this.#database.collection<KeyDocument>(this.#name)
    const first = await collection.findOne({ close: { $exists: true, ...after } }, { sort: { close: 1 } })
    return first?.close ?? Infinity
  }

  /** The states of keys. */
  async load(tx: Transaction, operator: Operator, keys: readonly string[]): Promise<Map<string, OpenKey>> {
    const ids = keys.map((key) => `k${key}`)
    const found = ids.length === 0 ? [] : await this.#keys(tx).getMany(ids)
    return new Map(
      keys.map((key, at) => {
        const stored = found[at] ?? null
        return [key, { state: operator.open(key, stored?.state), isStored: stored !== null }]
      }),
    )
  }

  /** Adds the keys of which something is due at this watermark. Answers whether that is all. */
  async loadDue(
    tx: Transaction,
    operator: Operator,
    open: Map<string, OpenKey>,
    closed: number | null,
    watermark: number,
  ): Promise<boolean> {
    if (watermark === -Infinity || (closed !== null && closed >= watermark)) return true
    const after = closed === null ? {} : { $gt: closed }
    const limit = CLOSE_MAX + open.size
    const due = await this.#keys(tx)
      .find({ close: { $lte: watermark, ...after } })
      .sort({ close: 1 })
      .limit(limit)
      .toArray()
    for (const { id, state } of due) {
      const key = id.slice(1)
      if (!open.has(key)) open.set(key, { state: operator.open(key, state), isStored: true })
    }
    return due.length < limit
  }

  /** Writes the states down. What a document cannot hold is the fault of `culprit`, if there is one. */
  async save(tx: Transaction, open: ReadonlyMap<string, OpenKey>, culprit: Rec | undefined): Promise<void> {
    const puts: KeyDocument[] = []
    const gone: string[] = []
    for (const [key, { state, isStored }] of open) {
      const stored = state.stored
      if (stored !== undefined) puts.push({ id: `k${key}`, ...stored })
      else if (isStored) gone.push(`k${key}`)
    }
    try {
      if (puts.length > 0) await this.#keys(tx).putMany(puts)
    } catch (error) {
      if (culprit === undefined || toError(error).code !== 'invalid') throw error
      throw new FunctionError(culprit, error)
    }
    if (gone.length > 0) await this.#keys(tx).deleteMany(gone)
  }

  /** Forgets everything. */
  async drop(): Promise<void> {
    await this.#database.dropCollection(this.#name)
  }

  #keys(tx: Transaction): Collection<KeyDocument, KeyDocument> {
    return tx.collection<KeyDocument>(this.#name) as unknown as Collection<KeyDocument, KeyDocument>
  }
}

function checked(head: Head | null): Head | null {
  if (head !== null && head.format !== FORMAT)
    throw new TidewellError(
      'conflict',
      `the stream was stored by another version of the package (format ${head.format})`,
      {
        reason: 'stream-differs',
      },
    )
  return head
}
