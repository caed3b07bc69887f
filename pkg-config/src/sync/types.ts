/** What is asked of syncing and told of it. Types only, and no checks: those are where the values are used. */
import type { TidewellError } from '../errors.js'
import type { AnyDocument } from '../types/document.js'
import type { Filter } from '../types/filter.js'
import type { HostSignal, Signal } from '../types/signal.js'
import type { Update } from '../types/update.js'

/** What one document's part of a mutation does. All ops of a mutation happen at the server, or none. */
export type SyncOp = {
  readonly collection: string
  readonly id: string
  /** Only if nobody else has changed the document after this version of the server. */
  readonly ifVersion?: number | undefined
} & (
  | { /** Makes a document that must not exist. */ readonly create: AnyDocument }
  | { /** Makes or replaces a document. */ readonly put: AnyDocument }
  | { /** Changes fields of a document that must exist, by update operators. */ readonly update: Update<AnyDocument> }
  | { /** Removes it; of a document that is gone already, nothing. */ readonly remove: true }
)

/** A write that the server has not answered yet. */
export interface PendingMutation {
  /** Its number in this replica. */
  readonly seq: number
  /** Its name, which it keeps until it is settled. */
  readonly id: string
  readonly ops: readonly SyncOp[]
  /** The version of the application's schema that wrote it. */
  readonly schema: number
  /** Whether the server has said that it took effect; it stays here until it has come back with a pull. */
  readonly answered: boolean
}

/** A write that the server refused for good. */
export interface RefusedMutation {
  readonly id: string
  /** A fixed word: `gone`, `exists`, `version`, `forbidden` or `invalid`. */
  readonly code: string
  /** For people. */
  readonly reason: string
  /** What it would have done. */
  readonly ops: readonly SyncOp[]
}

/** A refused write, kept until somebody decides. */
export interface SyncLetter extends RefusedMutation {
  /** For each op the document as it is now; null if there is none. */
  readonly documents: readonly (AnyDocument | null)[]
  /** Does it again, as a write of its own; the letter goes in the same commit. */
  retry(): Promise<void>
  /** Does these ops instead; the letter goes in the same commit. */
  edit(ops: readonly SyncOp[]): Promise<void>
  /** Drops it. */
  discard(): Promise<void>
}

/**
 * Decides about a write that met another's change: what to do instead, or null to leave it among the dead letters. `documents` are, for
 * each op, the document as it is now.
 */
export type SyncMerge = (
  refused: RefusedMutation,
  documents: readonly (AnyDocument | null)[],
) => readonly SyncOp[] | null | Promise<readonly SyncOp[] | null>

/**
 * What happens when two devices changed one document: `merge` applies the changed fields in the order of their arrival; `if_version`
 * refuses the later one, which becomes a dead letter; a function is asked about each that was so refused.
 */
export type SyncConflict = 'merge' | 'if_version' | SyncMerge

/** A collection that is synced. */
export interface SyncCollection {
  readonly name: string
  /** Only documents for which it holds are downloaded. */
  readonly filter?: Filter<AnyDocument> | undefined
  /** As in {@link SyncOptions}, for this collection. */
  readonly conflict?: SyncConflict | undefined
}

/** What a function that fetches tokens is told. */
export interface TokenRequest {
  /** The token that was refused; undefined the first time. */
  readonly refused: string | undefined
  /** Fires when it has taken too long. */
  readonly signal: HostSignal
}

/** Durations in milliseconds. */
export interface SyncTiming {
  /** A request that takes longer has failed: 30,000 unless given. */
  readonly deadline?: number | undefined
  /** The first wait after a failure, doubled by each further one, less up to half by chance: 500 unless given. */
  readonly backoff?: number | undefined
  /** The longest wait after a failure: 60,000 unless given. */
  readonly backoffMax?: number | undefined
  /** The server is asked at least this often, whatever it tells by itself: 30,000 unless given, 300,000 with `live: 'websocket'`. */
  readonly poll?: number | undefined
  /** A live connection that is silent for longer is taken for dead: 45,000 unless given. Servers say something every 15,000. */
  readonly silence?: number | undefined
}

/** Answers what a write of an older {@link SyncOptions.schema} is in this one; null or undefined to leave its ops as they are. */
export type SyncMigrate = (
  mutation: PendingMutation,
) => readonly SyncOp[] | null | undefined | Promise<readonly SyncOp[] | null | undefined>

/** Options of syncing. */
export interface SyncOptions {
  /** Where the server is, such as `https://sync.example.com`: the routes are below it. */
  readonly url: string
  /** The token. {@link Sync.setToken} replaces it. */
  readonly token?: string | undefined
  /** Fetches a token, at the beginning and again when one is refused; undefined means that somebody has to sign in. */
  readonly getToken?: ((request: TokenRequest) => string | undefined | Promise<string | undefined>) | undefined
  /** What is synced: names of collections, or more about them. */
  readonly collections: readonly (string | SyncCollection)[]
  /** Whose attachments are synced too: those of all `collections` (`true`), or of these. None unless given. */
  readonly attachments?: boolean | readonly string[] | undefined
  /** Of collections that do not say: `merge` unless given. */
  readonly conflict?: SyncConflict | undefined
  /** The version of the application's schema, which every write carries to the server: 0 unless given. */
  readonly schema?: number | undefined
  /**
   * Brings to `schema` what waits since an older one, write by write, before anything is sent; without it a server that takes no older ones
   * leaves the status at `upgrade`. What it throws is shown as `lastError`, and it is asked again later.
   */
  readonly migrate?: SyncMigrate | undefined
  /** Documents of a page of a download: 1,000 unless given. */
  readonly page?: number | undefined
  /** Writes of a push: 500 unless given. */
  readonly batch?: number | undefined
  /** Answered writes that are kept for a server that is restored from a backup: 1,000 unless given. */
  readonly retained?: number | undefined
  /**
   * Whether to keep a connection open on which the server tells of changes: true unless given. With `'websocket'` it is a WebSocket, under
   * which a server in a Durable Object sleeps; where there is none to be had, a stream as with true.
   */
  readonly live?: boolean | 'websocket' | undefined
  readonly timing?: SyncTiming | undefined
  /** A tag of the service worker's `sync` event, registered when something waits and the server cannot be reached. */
  readonly background?: string | undefined
  /** Stops syncing. */
  readonly signal?: Signal | undefined
}

/**
 * How the connection stands. `offline`: the server did not answer, and is asked again; `connecting`: it is being asked for the first
 * time; `syncing`: changes are on their way; `live`: everything is there; `needs-auth`: the token is refused; `upgrade`: the server wants
 * another version of the application. Nothing that was written is dropped in any of them.
 */
export type SyncState = 'offline' | 'connecting' | 'syncing' | 'live' | 'needs-auth' | 'upgrade'

/** How syncing stands, whichever tab does it. */
export interface SyncStatus {
  readonly state: SyncState
  /** Whether it is this tab that talks to the server. One does. */
  readonly here: boolean
  /** Writes that the server has not answered. */
  readonly pending: number
  /** Writes that it refused: see {@link Sync.deadLetters}. */
  readonly letters: number
  /** What went wrong last; undefined after the next success. Reason `too-large`: a write does not get through even alone; that stays until it has. */
  readonly lastError: TidewellError | undefined
  /** While documents are downloaded: how many have come. Undefined once everything is there. */
  readonly progress: { readonly received: number } | undefined
  /** The server's version that this device has, once it has one whole. */
  readonly version: number | undefined
}

/** A database that is being synced. */
export interface Sync {
  /** How it stands now: the same object until it changes. */
  readonly status: SyncStatus
  /**
   * Resolves once every write to the collections is kept for the server; rejects with `invalid` for bad options. Who does not wait is
   * told by the database's event `error`.
   */
  readonly ready: Promise<void>
  /** Calls `listener` whenever the status has changed. Returns what ends it. */
  subscribe(listener: (status: SyncStatus) => void): () => void
  /**
   * Syncs without waiting for anything: resolves once all that was written before is at the server, and what it had is here.
   *
   * @throws TidewellError `unavailable` if the server cannot be reached, or with reason `needs-auth` or `upgrade`; `aborted`.
   */
  now(options?: { readonly signal?: Signal | undefined }): Promise<SyncStatus>
  /** Another token, in whichever tab: syncing goes on if it had stopped for the old one. */
  setToken(token: string): Promise<void>
  /** What the server has not answered, in order; up to 100 writes unless given. */
  outbox(options?: { readonly limit?: number | undefined }): Promise<readonly PendingMutation[]>
  /** What the server refused; up to 100 unless given. */
  deadLetters(options?: { readonly limit?: number | undefined }): Promise<readonly SyncLetter[]>
  /**
   * Ends it in this tab. Writes are kept for the server all the same; with `forget` they are not, what waits is dropped, and the
   * collections are ordinary ones: first stop the other tabs then.
   */
  stop(options?: { readonly forget?: boolean | undefined }): Promise<void>
  /** {@link Sync.stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
