/** What is asked of topics and told of them. Types only, and no checks: those are where the values are used. */
import type { Durability } from '../types/options.js'
import type { HostSignal, Signal } from '../types/signal.js'

/** Options of a topic. They are stored; what is left out stays as it is. */
export interface TopicOptions {
  /** How many partitions: 1 to 64, 4 unless given. Cannot change. */
  readonly partitions?: number | undefined
  /** What is kept: the oldest messages beyond any of these go, consumed or not. Without it everything is kept. */
  readonly retention?: {
    /** Milliseconds. */
    readonly age?: number | undefined
    readonly count?: number | undefined
    readonly bytes?: number | undefined
  }
  /** Of each key only the newest message is kept. */
  readonly compact?: boolean | undefined
  /** For how many milliseconds a message id is remembered: 120,000 unless given, 0 for not at all. */
  readonly dedupeWindow?: number | undefined
}

/** What goes with a message's value. */
export interface PublishOptions {
  /** Messages with one key and priority keep their order. At most 512 bytes. */
  readonly key?: string | undefined
  /** A message with an id that was seen within the topic's `dedupeWindow` is not published again. At most 256 bytes. */
  readonly id?: string | undefined
  /** Whatever JSON holds; at most 16 KiB. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** 0 to 9, 5 unless given. Higher ones are delivered first. */
  readonly priority?: number | undefined
  /** Publishes it so many milliseconds later. */
  readonly delay?: number | undefined
  /** Publishes it then. */
  readonly at?: Date | undefined
  /** When publishing resolves. Ignored inside a transaction. */
  readonly durability?: Durability | undefined
}

/** A message of a batch. */
export interface NewMessage<V> extends Omit<PublishOptions, 'durability'> {
  readonly value: V
}

/** What became of a message that was published. */
export type Published =
  | { readonly partition: number; readonly offset: number }
  /** It waits for its time; by this id it can be cancelled. */
  | { readonly id: string; readonly scheduled: true }
  | { readonly duplicate: true }

/** Where a message stands. */
export interface MessagePlace {
  readonly partition: number
  readonly priority: number
  readonly offset: number
}

/** A message that can be read. Offsets ascend through the whole topic. */
export interface TopicMessage<V> extends MessagePlace {
  readonly value: V
  readonly key: string | undefined
  readonly id: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  /** When it was published. */
  readonly timestamp: Date
  /** Of dead letters: where it comes from and what went wrong. */
  readonly dead: DeadLetter | undefined
}

/** What became of a message that failed too often. */
export interface DeadLetter extends MessagePlace {
  readonly topic: string
  readonly group: string
  /** How often it was handed out. */
  readonly deliveries: number
  /** The last error. */
  readonly error: string
  /** The last ten errors. */
  readonly history: readonly { readonly at: Date; readonly error: string }[]
}

/** A message that this consumer holds until it is settled or the ack deadline passes. */
export interface HeldMessage<V> extends TopicMessage<V> {
  /** How often it has been handed out, this time included. */
  readonly deliveries: number
  /** Fires when the ack deadline has passed, or the consumer ends: another one may have the message. */
  readonly signal: HostSignal
  /**
   * It is done; in a transactional handler, once that commits. Rejects with `conflict`, reason `not-held`, if it took too long and another
   * consumer may have it.
   */
  ack(): Promise<void>
  /** It failed and comes again: after `delay` ms, or by the backoff of the group. */
  nack(options?: { readonly delay?: number | undefined; readonly error?: unknown }): Promise<void>
  /** Moves the ack deadline to so many milliseconds from now. */
  extend(ms: number): Promise<void>
}

/** Where a group begins, or reading does. */
export type Start = 'beginning' | 'end' | { readonly offset: number } | { readonly time: Date }

/** Options of a consumer. Those of the group are stored with it; what is left out stays as it is. */
export interface ConsumeOptions<V = unknown> {
  /** Where the group begins when this is its first consumer ever: at the beginning unless given. */
  readonly from?: Start | undefined
  /** Messages that this consumer holds at a time: 16 unless given. */
  readonly maxInFlight?: number | undefined
  /** Only messages for which it answers true; the others are acknowledged unseen. */
  readonly filter?: ((message: TopicMessage<V>) => boolean) | undefined
  /** Ends the consumer. */
  readonly signal?: Signal | undefined
  /** Of the group: how many milliseconds a message may be held, 30,000 unless given. */
  readonly ackDeadline?: number | undefined
  /** Of the group: after so many deliveries a message goes to the dead letters, 10 unless given. */
  readonly maxDeliveries?: number | undefined
  /** Of the group: milliseconds after the first failure, doubled by each further one, less up to half by chance. 1,000 to 60,000 unless given. */
  readonly backoff?: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined
  /** Of the group: the topic of dead letters, `TOPIC.dead` unless given; false drops them. */
  readonly deadLetter?: string | false | undefined
}

/** A running consumer. */
export interface Consumer {
  /** Resolves when it has stopped; rejects with what ended it otherwise. */
  readonly done: Promise<void>
  /** Takes no more messages, waits for those that are being handled, gives the others back. */
  stop(): Promise<void>
}

/** Messages one after another, each to be settled. Leaving the loop ends the consumer. */
export interface Consumption<V> extends AsyncIterable<HeldMessage<V>>, Consumer {}

/** Options of reading without a group. */
export interface ReadMessages<V = unknown> {
  /** Where to begin: at the beginning unless given. */
  readonly from?: Start | undefined
  /** Only messages for which it answers true. */
  readonly filter?: ((message: TopicMessage<V>) => boolean) | undefined
  /** Goes on with messages that are published later; otherwise reading ends with the last one there is. */
  readonly follow?: boolean | undefined
  readonly signal?: Signal | undefined
}

/** A message that waits for its time. */
export interface ScheduledMessage<V> {
  readonly id: string
  /** In how many milliseconds it is due. */
  readonly dueIn: number
  /** Of repeated ones: when. */
  readonly cron: string | undefined
  readonly key: string | undefined
  readonly priority: number
  readonly value: V
}

/** How a topic stands. */
export interface TopicStats {
  readonly messages: number
  readonly bytes: number
  /** The offset of the next message. */
  readonly next: number
  readonly partitions: number
  readonly scheduled: number
  readonly groups: readonly GroupStats[]
}

/** How a group stands. */
export interface GroupStats {
  readonly name: string
  /** Messages that are not done, those in flight included. */
  readonly lag: number
  /** Messages that consumers hold. */
  readonly inFlight: number
  /** Messages that wait to be handed out again, or for another with their key. */
  readonly waiting: number
  /** Consumers that hold messages. */
  readonly members: number
  readonly paused: boolean
  /** When the oldest message that nobody has looked at was published. */
  readonly oldest: Date | undefined
}

/** A change of a collection, as a message of its feed. */
export interface Change<T> {
  readonly id: string
  /** The document as it was; null if it is new. */
  readonly before: T | null
  /** The document as it is; null if it was deleted. */
  readonly after: T | null
}
