/** The topics of one open database: what the engine tells them, their consumers, and transactions for handlers. */
import { throwIfAborted } from '../abort.js'
import type { TidewellError } from '../errors.js'
import type { TopicEvent } from '../backend.js'
import type { Session } from '../session.js'
import type { atomically, Transaction } from '../transaction.js'
import type { Signal } from '../types/signal.js'
import type { ConsumerCore } from './consumer.js'
import { openingOf, TopicCore } from './core.js'
import { Members } from './members.js'
import type { TopicOptions } from './options.js'

const CHANGES = '$changes/'
/** Between two looks whether consumers are done. */
const TEND_MS = 5

/** What the hub needs of its database. */
export interface TopicHost {
  readonly database: string
  readonly session: Session
  /** Waits for migrations. */
  readonly settled: () => Promise<void>
  readonly transaction: (session: Session) => Transaction
  readonly report: (error: TidewellError) => void
  /** Something is due in so many milliseconds. Answers whether {@link TopicHub.tendAll} is called then. */
  readonly wakeIn: (ms: number) => boolean
  readonly atomically: typeof atomically
  readonly newId: () => string
}

/** @internal */
export class TopicHub {
  readonly session: Session
  readonly settled: () => Promise<void>
  readonly transaction: (session: Session) => Transaction
  readonly report: (error: TidewellError) => void
  readonly wakeIn: (ms: number) => boolean
  readonly atomically: typeof atomically
  readonly newId: () => string
  readonly #database: string
  readonly #topics = new Map<string, TopicCore>()
  readonly #consumers = new Set<ConsumerCore>()
  #members: Members | undefined
  /** How often something was published, by topic; and who waits for that. */
  readonly #counts = new Map<number, number>()
  readonly #waiting = new Set<() => void>()

  constructor(host: TopicHost) {
    const { database, session, settled, transaction, report } = host
    this.#database = database
    this.atomically = host.atomically
    this.newId = host.newId
    this.session = session
    this.settled = settled
    this.transaction = transaction
    this.report = report
    this.wakeIn = host.wakeIn
  }

  /** The topic of that name. Options are stored when they are given. */
  topic(name: string, options: TopicOptions | undefined): TopicCore {
    const known = this.#topics.get(name)
    if (known !== undefined && options === undefined) return known
    const { name: _, ...rest } = openingOf(name, options ?? {})
    // The changes of a collection are published by its commits.
    const opening = name.startsWith(CHANGES)
      ? { ...rest, op: 'topicFollow', collection: name.slice(CHANGES.length) }
      : { ...rest, name }
    // Options that were given before are stored.
    if (known?.isOpenedBy(opening) === true) return known
    const core = new TopicCore(name, this, opening)
    this.#topics.set(name, core)
    return core
  }

  join(consumer: ConsumerCore): void {
    this.#consumers.add(consumer)
    if (this.session.backend.kind !== 'indexeddb' || typeof BroadcastChannel === 'undefined') return
    this.#members ??= new Members(this.#database, (topic, group, member) => {
      this.session.write({ op: 'topicEvict', topic, group, member }, 'topic').catch(() => undefined)
    })
    this.#members.join(consumer)
  }

  leave(consumer: ConsumerCore): void {
    this.#consumers.delete(consumer)
    this.#members?.leave(consumer)
  }

  /** Something was scheduled: consumers look when it is due. */
  tend(_core: TopicCore): void {
    for (const consumer of this.#consumers) consumer.hear()
  }

  /** Lets all consumers look, and waits until their handlers have nothing left to do now. */
  async tendAll(): Promise<void> {
    for (const consumer of this.#consumers) consumer.hear()
    while ([...this.#consumers].some((consumer) => consumer.isActive))
      await new Promise((resolve) => setTimeout(resolve, TEND_MS))
  }

  /** The engine tells what a commit concerns. */
  hear(event: TopicEvent): void {
    if ('reset' in event) {
      for (const consumer of this.#consumers) consumer.hear()
      for (const topic of this.#counts.keys()) this.#count(topic)
    } else {
      for (const consumer of this.#consumers) {
        const concerned =
          event.topics.includes(consumer.topic) ||
          event.groups.some(([topic, group]) => topic === consumer.topic && group === consumer.group)
        if (concerned) consumer.hear()
      }
      for (const topic of event.topics) this.#count(topic)
    }
    for (const wake of this.#waiting) wake()
  }

  #count(topic: number): void {
    this.#counts.set(topic, this.published(topic) + 1)
  }

  /** How often this tab has heard that something was published. */
  published(topic: number): number {
    return this.#counts.get(topic) ?? 0
  }

  /** Resolves when something was published after `seen` was asked for. */
  async publishedPast(topic: number, seen: number, signal: Signal | undefined): Promise<void> {
    while (this.published(topic) === seen) {
      this.session.check()
      throwIfAborted(signal)
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        this.#waiting.add(wake)
        signal?.addEventListener('abort', wake, { once: true })
      })
    }
  }

  /** Ends all consumers; what they hold may be handed out at once. */
  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.abandon()))
    this.#members?.close()
  }

  /** The database is closed: who still waits is told. */
  wake(): void {
    for (const wake of this.#waiting) wake()
  }
}
