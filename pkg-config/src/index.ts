/**
 * Tidewell: documents, indexes and live queries over one log, in IndexedDB, for pages, workers and Node.
 * This is the whole public API. Not SQL, not a server, not a store for large media.
 *
 * @module tidewell
 */
/// <reference lib="esnext.disposable" preserve="true" />
/// <reference lib="es2018.asynciterable" preserve="true" />
export { open, deleteDatabase } from './open.js'
export { TidewellError } from './errors.js'
export type { ErrorCode, ErrorDetails } from './errors.js'
export type { Database } from './database.js'
export type { Cache, Loading } from './cache/handle.js'
export type { ClockSource } from './cache/clock.js'
export type {
  CacheChanges,
  CacheOptions,
  CacheStats,
  EntriesOptions,
  EntryOptions,
  Invalidation,
  InvalidationCause,
  Lifetime,
  LoadOptions,
  NewEntry,
} from './cache/options.js'
export type { Publisher, Topic } from './topics/handle.js'
export type * from './topics/options.js'
export type * from './streams/options.js'
export type * from './attachments/types.js'
export type * from './sync/types.js'
export type { Watch, WatchedCache } from './cache/watch.js'
export type { Job } from './jobs/handle.js'
export type {
  CollectionRef,
  JobDefinition,
  JobFailure,
  JobMap,
  JobProgress,
  JobReducer,
  JobResult,
  JobRunOptions,
  JobSchedule,
  JobStatus,
  MapReduce,
  PipelineJob,
  TopicJob,
  TopicRef,
} from './jobs/types.js'
export type { AggregateOptions, Collection, DistinctValue } from './collection.js'
export type { Query } from './query.js'
export type { Transaction } from './transaction.js'
export type { DatabaseEvents, EventName } from './events.js'
export type { ExportStream, ImportSource } from './transfer.js'
export type { AnyDocument, Insertable, Path, PathValue, WithId } from './types/document.js'
export type { Condition, Filter, LogicalConditions, Operators, TypeName } from './types/filter.js'
export type { Bucket, Expression, Lookup, Stage, StageSort } from './types/pipeline.js'
export type { ArrayPart, Projected, Projection } from './types/projection.js'
export type { InferInput, InferOutput, SchemaIssue, SchemaResult, StandardSchema } from './types/schema.js'
export type * from './types/analyzer.js'
export type * from './types/inspection.js'
export type * from './types/search.js'
export type { ByteStream, HostBlob, Signal } from './types/signal.js'
export type { PushMany, Update } from './types/update.js'
export type * from './types/options.js'
