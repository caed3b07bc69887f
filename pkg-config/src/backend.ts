/**
 * What the API needs of an engine, wherever it runs: JSON commands in, JSON text out (docs/COMMANDS.md). Two implementations:
 * `local/` on the calling thread, `worker/` in a dedicated worker. It knows nothing of collections' types, schemas or retries.
 */
import type { WireAnalyzer } from './search/declaration.js'
import type { Durability, StorageInfo } from './types/options.js'

/** JSON text from the engine; `extended` says that it holds tagged values to revive. */
export interface Answer {
  readonly json: string
  readonly extended: boolean
}

/** What happened without being asked, as the engine tells it (`kind` and fields of docs/COMMANDS.md). */
export type BackendEvent =
  | {
      readonly kind: 'index'
      readonly collection: string
      readonly name: string
      readonly state: 'building' | 'ready' | 'failed'
      readonly done: number
      readonly total: number
      readonly message?: string
    }
  | { readonly kind: 'storage-lost' | 'quota' | 'blocked' | 'error'; readonly message: string }
  | { readonly kind: 'fault'; readonly operation: number; readonly fault: string }
  | { readonly kind: 'dead'; readonly code: string; readonly message: string }
  | CacheEvent
  | TopicEvent
  | CommitNews
  | SyncEvent

/** Which cache entries a commit stored and removed, by the caches' numbers; or that anything may have changed. */
export type CacheEvent =
  | {
      readonly kind: 'cache'
      readonly position: number
      readonly own: boolean
      readonly put: readonly (readonly [cache: number, key: string])[]
      readonly gone: readonly (readonly [cache: number, key: string])[]
      readonly because: readonly string[]
      /** Of each entry that went for what it was computed from: cache, key, `document`, `query` or `entry`, and which. */
      readonly why?: readonly (readonly [cache: number, key: string, kind: string, ...what: (string | number)[]])[]
    }
  | { readonly kind: 'cache'; readonly reset: true }

/** What a commit means to consumers: topics to which was published, groups of topics that may have something; or that anything may have changed. */
export type TopicEvent =
  | {
      readonly kind: 'topic'
      readonly position: number
      readonly own: boolean
      readonly topics: readonly number[]
      readonly groups: readonly (readonly [topic: number, group: number])[]
    }
  | { readonly kind: 'topic'; readonly reset: true }

/** Storage that the host brings along, as far as this side of the engine knows it. */
export interface HostDisk {
  /** Where data lives, if not in files. */
  readonly kind?: StorageInfo['kind']
  close(): void
}

type Counted = readonly [number: number, put: number, gone: number]

/** What a commit changed, by numbers; told while somebody inspects. */
export interface CommitNews {
  readonly kind: 'commit'
  readonly position: number
  readonly own: boolean
  readonly strict: boolean
  readonly bytes: number
  readonly documents: readonly (readonly [...Counted, putIds: readonly string[], goneIds: readonly string[]])[]
  readonly indexes: readonly (readonly [collection: number, index: number, put: number, gone: number])[]
  readonly postings: readonly Counted[]
  readonly caches: readonly Counted[]
  readonly topics: readonly Counted[]
  readonly catalog: number
  readonly jobs: number
  readonly outbox: readonly [put: number, gone: number]
  readonly edits: number
  readonly other: number
}

/** A commit changed what is kept for the server or what it refused; or that anything may have changed. */
export type SyncEvent =
  | {
      readonly kind: 'sync'
      readonly position: number
      readonly own: boolean
      readonly pending: number
      readonly letters: number
    }
  | { readonly kind: 'sync'; readonly reset: true }

/** What a backend was opened with, after defaults. */
export interface BackendOptions {
  readonly storage: 'auto' | 'indexeddb' | 'memory'
  readonly durability: Durability
  readonly memoryBudget: number
  /** Storage that the host brings along (src/web/host_disk.rs). */
  readonly disk?: HostDisk | undefined
  /** Faults to rehearse, written as the engine reads them; null for none. */
  readonly faults: string | null
  /** Milliseconds that every operation of faulty storage takes longer. */
  readonly faultLatencyMs: number
  /** Whether requests of the page may be answered by a service worker; true where nobody can tell. */
  readonly isBehindServiceWorker: boolean
}

/** An open engine. Every method throws or rejects with `TidewellError` only. */
export interface Backend {
  /** Where data lives. */
  readonly kind: StorageInfo['kind']
  /** The document, or null if there is none. At once when memory holds it and the engine is on this thread, else as a promise. */
  get(collection: string, id: string): Answer | null | Promise<Answer | null>
  /** Answers a command marked *sync*: at once when memory holds what it needs and the engine is on this thread, else as a promise. */
  read(command: string): Answer | Promise<Answer>
  /** Answers any command. */
  execute(command: string): Promise<Answer>
  /** Writes a JSON array of documents in one commit: `insert` or `put` without wrapping the text in a command. */
  writeBatch(
    operation: 'insert' | 'put',
    collection: string,
    documents: string,
    version: number | undefined,
    durability: Durability,
  ): Promise<Answer>
  /** Starts a live query; `listener` gets each event's text. Resolves with what ends it, after the first event was delivered. */
  subscribe(command: string, listener: (event: Answer) => void): Promise<() => void>
  /** Makes analyzers of the application known, before a declaration names them. */
  analyzers(analyzers: readonly WireAnalyzer[]): Promise<void>
  /** Changes the faults of storage that was opened with some. */
  rehearse(faults: string, latencyMs: number): Promise<void>
  /** Streams a consistent backup in chunks of at most a few hundred KiB. Ending the iteration early frees it. */
  export(): AsyncIterableIterator<Uint8Array>
  /** Starts a restore. */
  import(): Promise<Importer>
  /** Flushes, releases locks and connections. Pending calls reject with `aborted` or their own outcome. Idempotent. */
  close(): Promise<void>
}

/** A restore under way. */
export interface Importer {
  /** Takes the next chunk, cut anywhere. */
  push(chunk: Uint8Array): Promise<void>
  /** Checks the trailer; the answer is `{"collections":n,"documents":n}`. */
  finish(): Promise<Answer>
}

/** Opens an engine; `listener` gets its events. */
export type OpenBackend = (
  name: string,
  options: BackendOptions,
  listener: (event: BackendEvent) => void,
) => Promise<Backend>
