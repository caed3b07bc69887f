/** What inspectors are told: plain data, no behaviour. */
import type { CacheStats } from '../cache/options.js'
import type { JobStatus } from '../jobs/types.js'
import type { GroupStats } from '../topics/options.js'

/** How many keys of something a commit wrote and removed. */
export interface Touched {
  readonly put: number
  readonly gone: number
}

/** What a commit of this or another tab changed. */
export interface CommitEvent {
  /** Its position in the log. */
  readonly position: number
  /** Whether this instance made it. */
  readonly own: boolean
  /** Whether it was asked to survive a power cut. */
  readonly strict: boolean
  /** Bytes of its record before compression. */
  readonly bytes: number
  /** Documents by collection; at most 20 ids each of those written and those removed. */
  readonly documents: readonly (Touched & {
    readonly collection: string
    readonly putIds: readonly string[]
    readonly goneIds: readonly string[]
  })[]
  /** Entries of indexes. */
  readonly indexes: readonly (Touched & { readonly collection: string; readonly index: string })[]
  /** Keys of search indexes. */
  readonly postings: readonly (Touched & { readonly collection: string })[]
  /** Entries of caches. */
  readonly caches: readonly (Touched & { readonly cache: string })[]
  /** Cache entries that went because of what they were computed from, and why. */
  readonly invalidated: readonly { readonly cache: string; readonly key: string; readonly because: string }[]
  /** By topic: messages published, and other records (deliveries, groups) changed. */
  readonly topics: readonly { readonly topic: string; readonly messages: number; readonly other: number }[]
  /** Writes that wait for the sync server: those that came, and those that need not be kept any longer. */
  readonly outbox: { readonly put: number; readonly gone: number }
  /** Records of collections, jobs, tables and of anything else, such as sync. */
  readonly catalog: number
  readonly jobs: number
  readonly tables: number
  readonly other: number
}

/** What goes on in a database. */
export interface Inspection {
  /** The live queries of this instance, as commands (docs/COMMANDS.md). */
  readonly live: readonly { readonly op: string; readonly collection: string; readonly filter?: unknown }[]
  /** Topics with their groups. */
  readonly topics: readonly {
    readonly name: string
    readonly messages: number
    readonly bytes: number
    readonly scheduled: number
    readonly groups: readonly Pick<GroupStats, 'name' | 'lag' | 'inFlight' | 'waiting' | 'members' | 'paused'>[]
  }[]
  /** Batch jobs, as they stand. */
  readonly jobs: readonly JobStatus[]
  /** Caches: what is stored, and of those that this instance uses its figures. */
  readonly caches: readonly {
    readonly name: string
    readonly entries: number
    readonly bytes: number
    readonly figures: CacheStats | undefined
  }[]
}
