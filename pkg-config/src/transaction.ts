/** Transactions: optimistic, serializable, run again after a conflict. The engine validates; here is the loop around it. */
import { throwIfAborted } from './abort.js'
import { Collection } from './collection.js'
import type { Definition } from './definition.js'
import { closed, TidewellError, toError } from './errors.js'
import type { EventHub } from './events.js'
import type { Session } from './session.js'
import type { TopicCore } from './topics/core.js'
import { type Publisher, topicHandle } from './topics/handle.js'
import type { AnyDocument, Insertable, WithId } from './types/document.js'
import type { Durability, TransactionOptions } from './types/options.js'

const RETRIES = 10
const LONGEST_PAUSE_MS = 64

/**
 * A transaction under way: collections whose reads see one snapshot and the transaction's own writes, and whose writes become
 * visible together when the closure returns. Gone when the closure has ended: later calls reject with `closed`.
 */
export class Transaction {
  readonly #session: Session
  readonly #define: (name: string) => Definition
  readonly #hub: EventHub
  readonly #topic: (name: string) => Promise<TopicCore>

  /** @internal */
  constructor(
    session: Session,
    define: (name: string) => Definition,
    hub: EventHub,
    topic: (name: string) => Promise<TopicCore>,
  ) {
    this.#session = session
    this.#define = define
    this.#hub = hub
    this.#topic = topic
  }

  /** A topic inside this transaction: what is published appears with the commit, or never. */
  topic<V = unknown>(name: string): Publisher<V> {
    return topicHandle<V>(name, () => this.#topic(name), this.#session)
  }

  /** A collection inside this transaction, by name or as the one you have. Its schema and version are those declared on the database. */
  collection<T extends object = AnyDocument>(name: string): Collection<WithId<T>>
  collection<T extends { id: string }, In>(of: Collection<T, In>): Collection<T, In>
  collection(of: string | { readonly name: string }): unknown {
    const name = typeof of === 'string' ? of : of.name
    return new Collection<AnyDocument, Insertable<AnyDocument>>(this.#session, this.#define(name), this.#hub)
  }
}

/**
 * Runs `work` in a transaction of `parent` and commits; again, after a pause, when another writer got in between. Inside a
 * transaction, `work` simply joins it.
 */
export async function atomically<R>(
  parent: Session,
  options: TransactionOptions,
  work: (session: Session) => Promise<R>,
): Promise<R> {
  if (parent.tx !== undefined) return work(parent)
  const retries = options.retries ?? RETRIES
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(options.signal)
    const session = await begin(parent)
    try {
      const result = await work(session)
      await session.drain()
      throwIfAborted(options.signal)
      await finish(session, parent, 'commit', options.durability ?? parent.durability)
      return result
    } catch (thrown) {
      await session.drain()
      await finish(session, parent, 'rollback').catch(() => undefined)
      if (!isRetry(thrown)) throw thrown
      if (attempt >= retries) throw gaveUp(thrown, attempt)
      await pauseBefore(attempt)
    }
  }
}

async function begin(parent: Session): Promise<Session> {
  const { tx } = (await parent.read({ op: 'begin' }, 'transaction')) as { tx: number }
  return parent.inTransaction(tx)
}

async function finish(
  session: Session,
  parent: Session,
  op: 'commit' | 'rollback',
  durability?: Durability,
): Promise<void> {
  session.end(closed('the transaction'))
  await parent.control({ op, tx: session.tx, ...(durability === undefined ? {} : { durability }) })
}

/** Whether a transaction lost against another writer and may be run again. */
function isRetry(thrown: unknown): thrown is TidewellError {
  return thrown instanceof TidewellError && thrown.code === 'conflict' && thrown.reason === 'retry'
}

function gaveUp(thrown: unknown, retries: number): TidewellError {
  const { message } = toError(thrown)
  return new TidewellError(
    'conflict',
    `${message} (the transaction was run ${retries + 1} times: raise { retries }, or read less in it)`,
    { reason: 'retry', cause: thrown },
  )
}

/** Longer each time, and never two writers alike. */
function pauseBefore(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE_MS)))
}
