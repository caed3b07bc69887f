/** What a job is asked to do, and what it tells: plain data. */
import type { AnyDocument } from '../types/document.js'
import type { TopicMessage } from '../topics/options.js'
import type { Durability } from '../types/options.js'
import type { Expression, Stage } from '../types/pipeline.js'
import type { Signal } from '../types/signal.js'

/** A collection, or its name. */
export type CollectionRef<T = AnyDocument> =
  string | { readonly name: string; findOne(...options: never[]): Promise<T | null> }

/** A topic, whose messages of type `M` are read. */
export interface TopicRef<M = TopicMessage<unknown>> {
  readonly name: string
  /** Its messages. */
  read(...options: never[]): AsyncIterable<M>
}

/** What maps a document: calls `emit` any number of times. A promise is waited for. */
export type JobMap<T, V> = (document: T, emit: (key: unknown, value: V) => void) => void | Promise<void>

/**
 * A reduction that the engine does by itself: how many values, their sum, average, least, greatest; about how many different ones
 * (HyperLogLog, 1.6 % standard error); quantiles (DDSketch, within 1 %); the `top` greatest values, greatest first.
 */
export type JobReducer =
  | 'count'
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'distinct'
  | { readonly quantiles: readonly number[] }
  | { readonly top: number }

/** What both ways of describing a job have in common. */
interface JobBase<S> {
  /**
   * The collection that is read; or a topic, from its first message to what was its last when the run began. Then the records are its
   * messages ({@link TopicMessage}).
   */
  readonly from: S
  /** The collection whose content becomes the result, in one commit. Its indexes and its search index stay. */
  readonly into: string | { readonly name: string }
  /** A record that fails stops the run (default), or is left out and listed by {@link Job.failures}. */
  readonly onError?: 'stop' | 'skip' | undefined
  /** The most documents of one slice, 1 to 10,000. For functions that take long for each. */
  readonly sliceSize?: number | undefined
  /**
   * The fields that the map function looks at, as paths; it is given these and the `id`. The less is handed over, the faster it goes.
   */
  readonly fields?: readonly string[] | undefined
  /**
   * Into how many ranges of ids the source is split, 1 to 16 (default 1). Every tab and worker that runs the job, or helps with it
   * ({@link Job.help}), maps one at a time, side by side; the result is the same. Not for topics. Give a few more than there are runners.
   */
  readonly partitions?: number | undefined
  /**
   * Tells definitions apart instead of the source text of the functions, which differs from build to build. An unfinished run
   * goes on only with the definition that began it.
   */
  readonly version?: string | number | undefined
  /** How often {@link Job.start} runs it. */
  readonly schedule?: JobSchedule | undefined
}

/** A job by functions, or by a function and a reduction of the engine. */
export interface MapReduce<T, V, R, S = CollectionRef<T>> extends JobBase<S> {
  /** A function, or expressions for the key and the value of each document, which the engine evaluates by itself. */
  readonly map: JobMap<T, V> | { readonly key: Expression; readonly value?: Expression }
  /** Makes one value of several of the same key, within a slice: the less there is to store. */
  readonly combine?: ((key: never, values: readonly V[]) => V) | undefined
  /** Makes the result of a key of all its values; or a reduction of the engine. */
  readonly reduce: ((key: never, values: readonly V[]) => R | Promise<R>) | JobReducer
  readonly pipeline?: undefined
}

/** A job by an aggregation pipeline: stages for single documents, one `$group`, stages for single rows. */
export interface PipelineJob<T, S = CollectionRef<T>> extends JobBase<S> {
  readonly pipeline: readonly Stage<T>[]
  readonly map?: undefined
  readonly combine?: undefined
  readonly reduce?: undefined
}

/** What a job does. */
export type JobDefinition<T = AnyDocument, V = unknown, R = unknown> = MapReduce<T, V, R> | PipelineJob<T>

/** A job over the messages of a topic, which is not split. */
export type TopicJob<M = unknown, V = unknown, R = unknown> = (
  MapReduce<TopicMessage<M>, V, R, TopicRef<TopicMessage<M>>> | PipelineJob<TopicMessage<M>, TopicRef<TopicMessage<M>>>
) & { readonly partitions?: 1 | undefined }

/** When a job runs by itself, while some tab that called {@link Job.start} is open. */
export type JobSchedule =
  /** Milliseconds from the end of a run to the beginning of the next. */
  | { readonly every: number }
  /** A cron expression. A time at which no tab was open is made up for, once. */
  | { readonly cron: string; readonly timeZone?: string | undefined }

/** Where a job stands. */
export interface JobStatus {
  readonly name: string
  /** The number of its last run. */
  readonly run: number
  readonly state: 'running' | 'paused' | 'failed' | 'cancelled' | 'done'
  readonly phase: 'map' | 'reduce' | 'finish'
  readonly from: string
  readonly into: string
  /** Ranges that the source was split into, and how many of them are mapped; undefined if it was not split. */
  readonly partitions?: number
  readonly partitionsDone?: number
  /** Documents (or messages) read, and how many there were when the run began. */
  readonly rows: number
  readonly rowsTotal: number
  /** Bytes of documents read, as stored. */
  readonly bytes: number
  /** Parts of groups that were stored, and of those how many are reduced. */
  readonly parts: number
  readonly partsDone: number
  /** Documents of the result so far. */
  readonly results: number
  /** Records that failed. */
  readonly failures: number
  /** Milliseconds since the Unix epoch; `finished` is 0 before the end. */
  readonly started: number
  readonly updated: number
  readonly finished: number
  /** Why it failed. */
  readonly message?: string
}

/** Where a job stands, and how fast it goes. */
export interface JobProgress extends JobStatus {
  /** What is done of the phase, from 0 to 1. */
  readonly fraction: number
  /** Documents (in the phase `reduce`: parts) a second, of all tabs and workers that are at it. */
  readonly rate: number
  /** Milliseconds until the phase ends if it goes on like that; undefined before anything was done. */
  readonly msLeft: number | undefined
}

/** A record that failed. */
export interface JobFailure {
  /** A document was mapped, or a key reduced. */
  readonly phase: 'map' | 'reduce'
  /** The document's id, or the key as an id. */
  readonly id: string
  readonly message: string
}

/** Options of {@link Job.run}. */
export interface JobRunOptions {
  /** Called after every slice. */
  readonly onProgress?: ((progress: JobProgress) => void) | undefined
  /** Stops running here. What was done stays; the next run goes on. */
  readonly signal?: Signal | undefined
  /** Throws away what an unfinished run has done. */
  readonly restart?: boolean | undefined
  /** The durability of its commits. */
  readonly durability?: Durability | undefined
}

/** What a run came to. */
export interface JobResult {
  readonly state: 'done' | 'paused'
  /** Documents read. */
  readonly rows: number
  /** Documents of the result. */
  readonly results: number
  /** Records that failed and were left out. */
  readonly failures: number
}
