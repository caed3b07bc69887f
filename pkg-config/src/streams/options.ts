/** What is asked of streams and told of them. Types only, and no checks: those are in `plan.ts`. */
import type { Collection } from '../collection.js'
import type { Publisher, Topic } from '../topics/handle.js'
import type { Change, Start, TopicMessage } from '../topics/options.js'
import type { Signal } from '../types/signal.js'

/** What a function of a stream is told besides the value. */
export interface StreamContext {
  /** After `keyBy`, and of results; before, the key of the message. */
  readonly key: string | undefined
  /** When it happened. */
  readonly time: Date
  /** The message that it comes from; undefined of results that come from many. */
  readonly message: TopicMessage<unknown> | undefined
}

/** How a topic is read by a stream. */
export interface FromOptions<V> {
  /** Where the stream begins when it runs for the first time: at the beginning unless given. */
  readonly start?: Start | undefined
  /**
   * When a message happened, in milliseconds or as a Date. Unless given: what the header `time` says, which streams give their
   * messages, or when it was published.
   */
  readonly time?: ((value: V, message: TopicMessage<V>) => number | Date) | undefined
}

/** Windows of event time, in milliseconds. */
export type StreamWindow =
  /** One after another, from the epoch on. */
  | { readonly tumbling: number }
  /** Of this length, one beginning every so many milliseconds: a record is in several. */
  | { readonly hopping: number; readonly every: number }
  /** Records of a key with less than this between them. */
  | { readonly session: number }

/** What becomes of records that come after their window was closed: counted and dropped, or published to a topic as well. */
export type LatePolicy = 'drop' | { readonly topic: string }

/** Options of windows. */
export interface WindowOptions {
  /** A window stays open until the watermark has passed its end by so many milliseconds: 0 unless given. */
  readonly lateness?: number | undefined
  /** `final`: one result when a window closes; `updates`: its result so far with every commit that changed it. `final` unless given. */
  readonly emit?: 'final' | 'updates' | undefined
  /** `drop` unless given. Either way they are counted. */
  readonly late?: LatePolicy | undefined
}

/** Values of one key (and window) put together, step by step. What `init` and `add` answer is stored: it must be what a document can hold. */
export interface Aggregation<V, A, R = A> {
  /** The value before the first one. */
  readonly init: () => A
  /** The value added. It may change and answer what it was given. */
  readonly add: (so_far: A, value: V, context: StreamContext) => A
  /** Two that become one: needed by session windows only. */
  readonly merge?: ((earlier: A, later: A) => A) | undefined
  /** What is shown of it: itself unless given. */
  readonly result?: ((all: A) => R) | undefined
}

/** Aggregates that need no functions of one's own but what to look at. */
export type Accumulator<V> =
  | { readonly $count: Readonly<Record<string, never>> }
  | {
      /** The sum of what it answers. */
      readonly $sum: (value: V) => number
    }
  | {
      /** The average. */
      readonly $avg: (value: V) => number
    }
  | {
      /** The least. */
      readonly $min: (value: V) => number
    }
  | {
      /** The greatest. */
      readonly $max: (value: V) => number
    }

/** A result of one key, and of which window. */
export type StreamResult<R, W extends object> = { readonly key: string; readonly value: R } & W

/** The window of a result: it begins with `start` and ends before `end`. */
export interface WindowSpan {
  readonly start: Date
  readonly end: Date
}

/** How two streams are joined. */
export interface JoinOptions {
  /** At most so many milliseconds between the two. */
  readonly within: number
  /** For so many milliseconds more each is kept for others that come late: 0 unless given. */
  readonly lateness?: number | undefined
  /** `left`: what finds nothing on the right is joined with null when its time is over. `inner` unless given. */
  readonly kind?: 'inner' | 'left' | undefined
  readonly late?: LatePolicy | undefined
}

/** The beginning of a stream. */
export interface StreamSource {
  /** Reads a topic. */
  from<V>(topic: Topic<V>, options?: FromOptions<V>): Stream<V>
  /** Reads the changes of a collection, from the first use of them on. */
  from<T extends { id: string }, In>(collection: Collection<T, In>, options?: FromOptions<Change<T>>): Stream<Change<T>>
}

/** What may be done with results. Functions answer at once (no promises), and the same for the same: they may run more than once. */
export interface StreamResults<V> {
  /** Keeps those for which it answers true. */
  filter<S extends V>(test: (value: V, context: StreamContext) => value is S): StreamResults<S>
  /** Keeps those for which it answers true. */
  filter(test: (value: V, context: StreamContext) => boolean): StreamResults<V>
  /** Makes another value of each. */
  map<R>(change: (value: V, context: StreamContext) => R): StreamResults<R>
  /** Makes any number of values of each. */
  flatMap<R>(change: (value: V, context: StreamContext) => Iterable<R>): StreamResults<R>
  /** Looks a document up, as it is in the commit that makes the result. */
  lookup<T extends { id: string }, In, R>(
    table: Collection<T, In>,
    id: (value: V, context: StreamContext) => string | null | undefined,
    combine: (value: V, document: T | null, context: StreamContext) => R,
  ): StreamResults<R>
  /** Into a topic: each as a message, with its key, and when it happened as the header `time`. */
  into(topic: Publisher<V>): RunnableStream
  /**
   * Into a collection, by name or as the one you have: each as a document that replaces the one before. The `id` is that of the value
   * if it has one; otherwise the key, `key@start` of windows, or the offset of the message.
   */
  into<T extends { id: string }>(collection: string | Collection<T, V & { id: string }>): RunnableStream
}

/** Records one by one. */
export interface Stream<V> extends StreamResults<V> {
  /** Keeps those for which it answers true. */
  filter<S extends V>(test: (value: V, context: StreamContext) => value is S): Stream<S>
  /** Keeps those for which it answers true. */
  filter(test: (value: V, context: StreamContext) => boolean): Stream<V>
  /** Makes another value of each. */
  map<R>(change: (value: V, context: StreamContext) => R): Stream<R>
  /** Makes any number of values of each. */
  flatMap<R>(change: (value: V, context: StreamContext) => Iterable<R>): Stream<R>
  /** Looks a document up, as it is in the commit that makes the result. */
  lookup<T extends { id: string }, In, R>(
    table: Collection<T, In>,
    id: (value: V, context: StreamContext) => string | null | undefined,
    combine: (value: V, document: T | null, context: StreamContext) => R,
  ): Stream<R>
  /** What belongs together. Numbers become text. */
  keyBy(key: (value: V, context: StreamContext) => string | number): KeyedStream<V>
}

/** Records of keys, to be put together. */
export interface Aggregates<V, W extends object> {
  /** How many there are of each key (and window). */
  count(): StreamResults<StreamResult<number, W>>
  /** Puts the values of each key (and window) together by functions of one's own. */
  aggregate<A, R = A>(how: Aggregation<V, A, R>): StreamResults<StreamResult<R, W>>
  /** Puts the values of each key (and window) together by named accumulators: `{ n: { $count: {} }, most: { $max: (visit) => visit.ms } }`. */
  aggregate<S extends Readonly<Record<string, Accumulator<V>>>>(
    how: S,
  ): StreamResults<StreamResult<{ [F in keyof S]: number }, W>>
}

/** Records by key. Without a window, the result of a key is over all of its records, and every commit tells what has changed. */
export interface KeyedStream<V> extends Aggregates<V, Readonly<Record<never, never>>> {
  /** Divides time: one result for each key and window. */
  window(window: StreamWindow, options?: WindowOptions): Aggregates<V, WindowSpan>
  /** Pairs of records with the same key that happened about the same time. */
  join<O, R>(
    other: (source: StreamSource) => KeyedStream<O>,
    options: JoinOptions & { readonly kind: 'left' },
    combine: (left: V, right: O | null) => R,
  ): StreamResults<R>
  /** Pairs of records with the same key that happened about the same time. */
  join<O, R>(
    other: (source: StreamSource) => KeyedStream<O>,
    options: JoinOptions,
    combine: (left: V, right: O) => R,
  ): StreamResults<R>
}

/** Options of running a stream. */
export interface StreamOptions {
  /** Stops it. */
  readonly signal?: Signal | undefined
  /** The most messages of one commit: 500 unless given. */
  readonly batch?: number | undefined
  /**
   * What becomes of a message at which a function throws again and again: `dead-letter` publishes it (or the result) to the dead letters
   * and goes on; `stop` ends the stream there. `dead-letter` unless given.
   */
  readonly onError?: 'dead-letter' | 'stop' | undefined
  /** How often a message is tried: 3 unless given. */
  readonly maxDeliveries?: number | undefined
  /** Milliseconds after the first failure, doubled by each further one: 100 to 10,000 unless given. */
  readonly backoff?: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined
  /** The topic of dead letters: `STREAM.dead` unless given. */
  readonly deadLetter?: string | undefined
  /**
   * A partition that is so many milliseconds of event time behind the others holds the watermark back no longer; and when nothing came
   * for so long, the watermark goes on with the time that passes. 10,000 unless given; Infinity for never.
   */
  readonly idleAfter?: number | undefined
}

/** A stream that is described, and not running. */
export interface RunnableStream {
  /**
   * Runs it in this tab, from where it was. Resolves when it has begun.
   *
   * @throws TidewellError `invalid` for a description or an option that cannot be; `conflict`, reason `stream-differs`, if what is stored
   * was made by another description, `stream-ahead` if its topic has lost what it had read.
   */
  run(options?: StreamOptions): Promise<RunningStream>
  /** Forgets where it was and what it holds: it begins anew. What it has put out stays. */
  reset(): Promise<void>
}

/** A stream at work, or standing by while another tab is. */
export interface RunningStream {
  /** Resolves when it has stopped; rejects with what ended it otherwise. */
  readonly done: Promise<void>
  /** Finishes the commit under way and ends. */
  stop(): Promise<void>
  /** How it stands, all tabs and runs together. */
  stats(): Promise<StreamStats>
}

/** How a stream stands. */
export interface StreamStats {
  /** Messages it has read. */
  readonly in: number
  /** Documents and messages it has put out. */
  readonly out: number
  /** Records that came too late. */
  readonly late: number
  /** Messages and results that went to the dead letters. */
  readonly dead: number
  /** Messages it has yet to read. */
  readonly lag: number
  /** Up to where the event time is complete. */
  readonly watermark: Date | undefined
  /** Whether this run does the work, or stands by. */
  readonly working: boolean
}
