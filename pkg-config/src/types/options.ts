/** The options and answers of the API: plain data, no behaviour. */
import type { AnyDocument, Path } from './document.js'
import type { Signal } from './signal.js'
import type { InferOutput, StandardSchema } from './schema.js'
import type { SearchSpec } from './search.js'

/**
 * When a write resolves:
 *
 * - `relaxed` (default): after IndexedDB's transaction completed. Survives a killed tab, browser or process; an operating system
 *   crash or power loss may lose the last moments.
 * - `strict`: also flushed to the device. Survives power loss. Costs about one device flush (0.2–4 ms) more per commit.
 * - `memory`: once other readers can see it; it is stored within moments. A crash may lose it.
 */
export type Durability = 'relaxed' | 'strict' | 'memory'

/** Options of {@link open}. */
export interface OpenOptions {
  /** Run the engine in a dedicated worker: the page stays free, every call costs a message. Default false. */
  readonly worker?: boolean | undefined
  /** Where data lives: `auto` (IndexedDB where there is one, else memory), `indexeddb` or `memory`. Default `auto`. */
  readonly storage?: 'auto' | 'indexeddb' | 'memory' | undefined
  /**
   * Keep data in files below this folder: Node, Deno and Bun only, and one process at a time. Without it they keep data in memory.
   */
  readonly directory?: string | undefined
  /** The durability of writes that do not say. Default `relaxed`. */
  readonly durability?: Durability | undefined
  /** Bytes the engine may use for recent writes and cached blocks. Default 64 MiB, at least 1 MiB. */
  readonly memoryBudget?: number | undefined
  /** Makes storage go wrong, to rehearse it. For databases made for that: what they hold may be damaged or gone afterwards. */
  readonly faults?: FaultOptions | undefined
  /** Gives up opening. */
  readonly signal?: Signal | undefined
}

/**
 * One thing that goes wrong with one operation of storage:
 *
 * - `unavailable`: it fails, and nothing happened; `interrupted`: it fails, and if it was a commit, that happened or did not;
 *   `hang`: it answers only at the deadline of 10 s; `quota`: there is no space for a commit; `bit-flip`: one bit of what it reads
 *   is wrong; `connection-lost`: it and the next few are interrupted; `cleared`: all that is stored is removed.
 * - `crash-kill`: the tab dies; `crash-power-cut`: and the last commits that were not `strict` are lost; `crash-reordered`: and
 *   those under way took effect in any order; `crash-torn`: and what they wrote is damaged, which opening reports as
 *   `corrupt`. After a crash calls reject with `internal`, as after a trap; open the database again.
 */
export type Fault =
  | 'unavailable'
  | 'interrupted'
  | 'hang'
  | 'quota'
  | 'bit-flip'
  | 'connection-lost'
  | 'cleared'
  | 'crash-kill'
  | 'crash-power-cut'
  | 'crash-reordered'
  | 'crash-torn'

/** What goes wrong, and when. The same seed and the same work meet the same faults. */
export interface FaultOptions {
  /** Decides what is left to chance: a whole number from 0. Default 1. */
  readonly seed?: number | undefined
  /** The fault of an operation (a read or a commit), by its number since opening, from 1. */
  readonly at?: { readonly [operation: number]: Fault } | undefined
  /** On average one operation in `operations` meets one of `faults`. */
  readonly oneIn?: { readonly operations: number; readonly faults: readonly Fault[] } | undefined
  /** How many bytes fit, counted from opening. */
  readonly quota?: number | undefined
  /** How many milliseconds every operation takes longer. */
  readonly latency?: number | undefined
}

/** An index: one path, several in order (compound), or a full definition. */
export type IndexSpec<T = AnyDocument> = Path<T> | readonly Path<T>[] | IndexDefinition<T>

/** A full index definition. */
export interface IndexDefinition<T = AnyDocument> {
  /** The paths in order, each ascending, or `[path, -1]` for descending. An array under a path is indexed element by element. */
  readonly fields: Path<T> | readonly (Path<T> | readonly [path: Path<T>, direction: 1 | -1])[]
  /** 1 to 128 bytes. Defaults to the paths joined by `,`. */
  readonly name?: string | undefined
  /** Refuse two documents with the same values. Documents that lack every indexed field are left out. */
  readonly unique?: boolean | undefined
}

/** An order: `{ due: 1, title: -1 }`, a path (ascending), or pairs (for names that look like numbers). Ties are ordered by id. */
export type Sort<T> =
  { readonly [P in Path<T>]?: 1 | -1 } | Path<T> | readonly (readonly [path: Path<T>, direction: 1 | -1])[]

/** Which index a query should use: its paths as declared, its name, `$id` (by id) or `$scan` (none). */
export type Hint<T> = Path<T> | readonly Path<T>[] | '$id' | '$scan' | { readonly name: string }

/** An index as it stands. */
export interface IndexInfo {
  readonly name: string
  /** Paths with their direction. */
  readonly fields: readonly (readonly [path: string, direction: 1 | -1])[]
  readonly unique: boolean
  /** Whether some document has an array under an indexed path. */
  readonly multiEntry: boolean
  /** Queries use an index once it is ready. */
  readonly state: 'building' | 'ready'
  /** Documents indexed so far while building. */
  readonly done: number
  /** Documents to index. */
  readonly total: number
}

/** A collection as it stands. */
export interface CollectionInfo {
  readonly name: string
  /** Documents in it. */
  readonly count: number
  /** The application's schema version. */
  readonly version: number
  readonly indexes: readonly IndexInfo[]
  /** The search index, if one is declared. */
  readonly search?: SearchInfo
}

/** A search index. */
export interface SearchInfo {
  /** The declaration with every option written out. */
  readonly fields: { readonly [path: string]: unknown }
  /** Searches wait until it is ready. */
  readonly state: 'building' | 'ready'
  readonly done: number
  readonly total: number
  /** Parts it is stored in; merging keeps them few. */
  readonly segments: number
  /** Its size, about. */
  readonly bytes: number
}

/** Upgrades a document from the version before; may be asynchronous. The result keeps its `id`. */
export type Migration = (document: AnyDocument) => object | Promise<object>

/** Options of {@link Database.collection}. */
export interface CollectionOptions<T = AnyDocument> {
  /** Indexes to have. Missing ones are built in the background; existing ones that are not listed stay. */
  readonly indexes?: readonly IndexSpec<T>[] | undefined
  /** The fields of full-text search. Existing documents are brought in in the background; {@link Collection.search} then works. */
  readonly search?: SearchSpec<T> | undefined
  /** The version of the documents' shape, from 1. Default 1. */
  readonly version?: number | undefined
  /**
   * Upgrades by the version they lead to: `{ 2: doc => …, 3: doc => … }`. Documents of an older version are upgraded when they
   * are read by id, and all of them in the background; queries wait until that is done (`progress` events tell).
   */
  readonly migrations?: { readonly [version: number]: Migration } | undefined
}

/** Options of a collection with a schema: the document type follows from it. */
export interface SchemaOptions<S extends StandardSchema> extends CollectionOptions<InferOutput<S>> {
  /**
   * Any Standard Schema validator: zod, valibot, arktype … What it gives back is stored. Checked on insert, put and, with the
   * resulting document, on update; so a schema that transforms must accept what it gave back.
   */
  readonly schema: S
}

/** Options of reads. */
export interface ReadOptions {
  /** Stops waiting: the promise rejects with `aborted`. */
  readonly signal?: Signal | undefined
}

/** Options of writes. */
export interface WriteOptions {
  /** Checked until the write is handed to the engine; after that its outcome is told truthfully. */
  readonly signal?: Signal | undefined
  /** When the write resolves. Ignored inside a transaction, which has its own. */
  readonly durability?: Durability | undefined
}

/** Options of updates. */
export interface UpdateOptions extends WriteOptions {
  /** Insert a document when nothing matches. Default false. */
  readonly upsert?: boolean | undefined
  /** What `$[x]` in a path means: `[{ 'x.done': false }]`, or `[{ x: { $gte: 5 } }]` where the elements are no objects. */
  readonly arrayFilters?: readonly { readonly [path: string]: unknown }[] | undefined
}

/** Options of building an index. */
export interface IndexOptions {
  /** Gives up: the half-built index is dropped and the promise rejects with `aborted`. */
  readonly signal?: Signal | undefined
  /** Told how far it is. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Options of {@link Database.transaction}. */
export interface TransactionOptions {
  /** How often the closure may be run again after a conflict. Default 10. */
  readonly retries?: number | undefined
  /** When the commit resolves. */
  readonly durability?: Durability | undefined
  /** Rolls back and rejects with `aborted` if it fires before the commit. */
  readonly signal?: Signal | undefined
}

/** What `putMany` did. */
export interface PutResult {
  /** Documents that are new. */
  readonly inserted: number
  /** Documents that took the place of one with the same id. */
  readonly replaced: number
  /** All their ids, in the order given. */
  readonly ids: readonly string[]
}

/** What an update did. */
export interface UpdateResult {
  /** Documents found. */
  readonly matched: number
  /** Documents changed. */
  readonly modified: number
  /** Documents inserted by `upsert`. */
  readonly inserted: number
  /** Ids of the documents found or inserted. */
  readonly ids: readonly string[]
}

/** What a delete did. */
export interface DeleteResult {
  /** Documents removed. */
  readonly deleted: number
}

/** One page of a query. */
export interface Page<R> {
  readonly docs: R[]
  /** Give it to `after` to continue, also in a later session; null when there is no more. */
  readonly next: string | null
}

/** How a query is run, and what running it cost. */
export interface Explanation {
  readonly collection: string
  /** `scan` reads all documents, `ids` some by id, `index` a part of an index, `or` each of `branches`, `none` nothing. */
  readonly stage: 'scan' | 'ids' | 'index' | 'or' | 'none'
  /** The index used, or null. */
  readonly index?: string | null
  /** Of `or`: how each branch of the filter's `$or` is read. */
  readonly branches?: readonly { readonly stage: 'ids' | 'index'; readonly index?: string }[]
  readonly direction?: 'forward' | 'backward'
  /** By path of the index, the intervals it is read in, such as `[10, 20)`; at most 20 each. */
  readonly bounds: { readonly [path: string]: readonly string[] }
  /** Whether documents are still filtered after the index. */
  readonly filter: boolean
  readonly sortInMemory: boolean
  readonly covered: boolean
  readonly multiEntry: boolean
  readonly ranges: number
  readonly keysExamined: number
  readonly documentsExamined: number
  readonly returned: number
  /** Milliseconds inside the engine, waiting for storage included. */
  readonly ms: number
  /** What the planner weighed: `scan`, `or` or an index's name, with its estimate. */
  readonly considered: readonly { readonly name: string; readonly cost: number }[]
}

/** Latencies of one operation since opening, in milliseconds. */
export interface Latency {
  readonly count: number
  readonly errors: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  readonly mean: number
}

/** What the engine has been doing. */
export interface Stats {
  /** Latency by operation: `get`, `find`, `insert`, `commit` … */
  readonly operations: { readonly [operation: string]: Latency }
  /** Log, memtable, tables, cache and compaction figures. Their names may change between versions. */
  readonly engine: { readonly [name: string]: unknown }
  /** Live queries. */
  readonly subscriptions: number
  /** Transactions under way. */
  readonly transactions: number
  /** Bytes that searches remember of each other. */
  readonly searchBytes: number
}

/** The storage a database has. */
export interface StorageInfo {
  /** Where data lives. `memory` is gone when the process ends. */
  readonly kind: 'indexeddb' | 'files' | 'durable-object' | 'memory'
  /** Bytes this origin may use, as the browser estimates; null where it does not tell. */
  readonly quota: number | null
  /** Bytes this origin uses, as the browser estimates; null where it does not tell. */
  readonly usage: number | null
  /** Whether the browser promised not to evict this origin. */
  readonly persisted: boolean
}

/** What an import wrote. */
export interface ImportResult {
  readonly collections: number
  readonly documents: number
  /** Topics and their messages, if the backup has any. */
  readonly topics?: number
  readonly messages?: number
}

/** Long work in the background. */
export interface Progress {
  /** `index` is being built or `migration` is rewriting documents. */
  readonly kind: 'index' | 'migration'
  readonly collection: string
  /** The index's name, `$search` for the search index; for a migration the version it leads to. */
  readonly name: string
  readonly state: 'building' | 'ready' | 'failed'
  /** Documents done. */
  readonly done: number
  /** Documents in all, as far as known. */
  readonly total: number
  /** Why it failed. */
  readonly message?: string
}

/** One change of a live query: turns the array before into the array after. */
export interface Diff<R> {
  /** Documents that left, by their index in the array before. */
  readonly removed: readonly { readonly index: number; readonly id: string }[]
  /** Documents that changed place (and perhaps content): `from` before, `to` after. */
  readonly moved: readonly { readonly from: number; readonly to: number; readonly doc: R }[]
  /** Documents that came, by their index in the array after. */
  readonly added: readonly { readonly index: number; readonly doc: R }[]
  /** Documents whose content changed, by their index in the array after. */
  readonly changed: readonly { readonly index: number; readonly doc: R }[]
}

/** What a live query delivers. */
export interface LiveResult<R> {
  /** The whole result: a new array each time, whose unchanged documents are the same objects as before. */
  readonly docs: readonly R[]
  /** What changed since the last delivery; null for the first, and after a reload. */
  readonly diff: Diff<R> | null
  /** The log position this result stands at. */
  readonly position: number
}

/** What a live count, distinct or aggregation delivers. */
export interface LiveValue<V> {
  readonly value: V
  /** The log position this value stands at. */
  readonly position: number
}

/** Options of live queries. */
export interface LiveOptions {
  /** Ends the subscription. */
  readonly signal?: Signal | undefined
  /** Told when the query fails for good; without it the error goes to the database's `error` event. */
  readonly onError?: ((error: Error) => void) | undefined
}
