/**
 * A topic as the application holds it: a name, until something is done with it. The code behind it is a chunk of its own, loaded with
 * the first use: pages without topics do not download it. So the methods are declared here, and are in `core.ts`.
 */
import { notLoaded } from '../errors.js'
import type { Session } from '../session.js'
import type { Transaction } from '../transaction.js'
import type { WriteOptions } from '../types/options.js'
import type { ConsumerCore } from './consumer.js'
import type {
  ConsumeOptions,
  Consumer,
  Consumption,
  HeldMessage,
  MessagePlace,
  NewMessage,
  Published,
  PublishOptions,
  ReadMessages,
  ScheduledMessage,
  Start,
  TopicMessage,
  TopicStats,
} from './options.js'

/** Publishing, on the database or inside a transaction. */
export interface Publisher<V = unknown> {
  /** The topic's name. */
  readonly name: string
  /**
   * Appends a message. Inside a transaction it is published by its commit, and there is nothing to answer yet.
   *
   * @throws TidewellError `invalid` for what a message cannot be; reason `too-large` for a value above 1 MiB as JSON.
   */
  publish(value: V, options?: PublishOptions): Promise<Published | undefined>
  /** Appends messages in one commit, all or none: up to 10,000, and 16 MiB. */
  publishMany(messages: readonly NewMessage<V>[], options?: WriteOptions): Promise<readonly Published[]>
}

/**
 * Messages of type `V`, in order, kept until the retention says otherwise, shared by all tabs.
 *
 * Every method rejects with `TidewellError`: `invalid` for bad input (reasons `too-large`, `unknown-group`, `bad-cron`), `conflict` with
 * reason `not-held` for a message that another consumer may have, and otherwise what its code says.
 */
export interface Topic<V = unknown> extends Publisher<V> {
  /**
   * Takes messages as a member of a group: each message goes to one member of each group, and stays with it until it is settled or the
   * ack deadline passes. With a handler each message is acknowledged when it returns, and comes again when it throws.
   */
  consume(group: string, options?: ConsumeOptions<V>): Consumption<V>
  /** Handles messages as a member of a group: one is acknowledged when the handler returns, and comes again when it throws. */
  consume(group: string, handler: (message: HeldMessage<V>) => unknown): Consumer
  /** The handler's writes through `tx` and the acknowledgement are one commit: both happen, once, or neither. */
  consume(
    group: string,
    options: ConsumeOptions<V> & { readonly transactional: true },
    handler: (message: HeldMessage<V>, tx: Transaction) => unknown,
  ): Consumer
  /** Handles messages as a member of a group, with options. */
  consume(group: string, options: ConsumeOptions<V>, handler: (message: HeldMessage<V>) => unknown): Consumer
  /** Reads messages in the order of their offsets, without a group: nobody else notices. */
  read(options?: ReadMessages<V>): AsyncGenerator<TopicMessage<V>, void, undefined>
  /**
   * Publishes a value again and again, by a cron expression, in place of what was scheduled under `id`. It is published while some tab
   * consumes the topic; what was missed meanwhile is published once.
   *
   * @throws TidewellError `invalid`, reason `bad-cron`.
   */
  schedule(
    id: string,
    cron: string,
    value: V,
    options?: Omit<PublishOptions, 'delay' | 'at' | 'id'> & { readonly timeZone?: string | undefined },
  ): Promise<void>
  /** Cancels a delayed or repeated message. Resolves with whether there was one. */
  cancel(id: string): Promise<boolean>
  /** What waits for its time: up to 1,000 messages. */
  scheduled(): Promise<readonly ScheduledMessage<V>[]>
  /** Lets a group begin anew. What its members hold at that moment is theirs no more. */
  seek(group: string, from: Start): Promise<void>
  /** Hands out nothing to the group until {@link Topic.resume}, in any tab. */
  pause(group: string): Promise<void>
  /** Ends {@link Topic.pause}. */
  resume(group: string): Promise<void>
  /** Of dead letters: gives them back to the groups in which they died. Resolves with how many there were. */
  requeue(messages: readonly MessagePlace[]): Promise<number>
  /** Removes messages. Resolves with how many there were. */
  remove(messages: readonly MessagePlace[]): Promise<number>
  /** What is stored, and how far behind the groups are. */
  stats(): Promise<TopicStats>
  /**
   * Drops the topic with all it has, in one commit: messages, what is scheduled, groups. Consumers in all tabs end with `invalid`, reason
   * `unknown-topic`. Whoever uses the name afterwards begins a new topic. Resolves with whether there was one.
   */
  drop(): Promise<boolean>
  /**
   * Drops a group: its place, and what its members hold. They end with `invalid`, reason `unknown-group`; the next consumer of that name
   * begins anew. Resolves with whether there was one.
   */
  dropGroup(group: string): Promise<boolean>
}

const METHODS =
  'publish publishMany schedule cancel scheduled seek pause resume requeue remove stats drop dropGroup' as const

/** Where the methods of a topic are: in the chunk that is loaded with the first of them. */
interface Calls {
  call(session: Session, method: string, args: readonly unknown[]): Promise<unknown>
}

class Handle {
  readonly name: string
  readonly #open: () => Promise<Calls>
  readonly #session: Session

  constructor(name: string, open: () => Promise<Calls>, session: Session) {
    this.name = name
    this.#open = open
    this.#session = session
  }

  async call(method: string, args: readonly unknown[]): Promise<unknown> {
    const core = await this.#open().catch(notLoaded)
    return core.call(this.#session, method, args)
  }

  consume(...args: readonly unknown[]): Consumption<unknown> {
    const starting = this.call('consume', args) as Promise<ConsumerCore>
    const done = starting.then((consumer) => consumer.done)
    // Who neither waits for it nor iterates is told by the event `error`.
    done.catch(() => undefined)
    return {
      done,
      stop: async () => (await starting).stop(),
      async *[Symbol.asyncIterator]() {
        yield* (await starting).messages()
      },
    }
  }

  async *read(...args: readonly unknown[]) {
    yield* (await this.call('read', args)) as AsyncIterable<unknown>
  }
}

for (const method of METHODS.split(' ')) {
  Object.defineProperty(Handle.prototype, method, {
    value(this: Handle, ...args: unknown[]) {
      return this.call(method, args)
    },
  })
}

/** The topic that `open` loads, for publishing by `session`. */
export function topicHandle<V>(name: string, open: () => Promise<Calls>, session: Session): Topic<V> {
  return new Handle(name, open, session) as unknown as Topic<V>
}
