/** What is asked of an import from another library and told of it. Types only. */
import type { TidewellError } from '../errors.js'
import type { Signal } from '../types/signal.js'

/** A document as it was found. */
export interface Found {
  /** The object store, database or collection it comes from. */
  readonly from: string
  /** Its key there. */
  readonly key: unknown
  /** Its id here. */
  readonly id: string
}

/** How far an import is. */
export interface MigrationProgress {
  /** The object store, database or collection that is read. */
  readonly from: string
  /** Documents read of it. */
  readonly done: number
  /** Documents in it when the import began, if that is known. */
  readonly total: number | undefined
}

/** Options of all imports. */
export interface MigrationOptions {
  /** Where what is found goes, by its object store or collection: another name, or false to leave it out. By its own name unless given. */
  readonly collections?: { readonly [from: string]: string | false } | undefined
  /**
   * Changes a document on its way, or answers null to leave it out. It is given a document with its id here; what it answers is stored,
   * with that id unless it has another.
   */
  readonly map?: ((document: Record<string, unknown>, found: Found) => object | null) | undefined
  /** What to do with a document whose id is taken here: `keep` what is here (default), or `replace` it. */
  readonly existing?: 'keep' | 'replace' | undefined
  /** Whether the indexes there are made here, too. Default true. */
  readonly indexes?: boolean | undefined
  /** Runs again although an import of the same source was finished before. */
  readonly again?: boolean | undefined
  /** Told after every batch. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined
  /** Told of each document that cannot be stored, which is then left out. Without it the first one stops the import. */
  readonly onError?: ((error: TidewellError, found: Omit<Found, 'id'>) => void) | undefined
  /** Stops it. What was stored stays, and the next run goes on. */
  readonly signal?: Signal | undefined
}

/** What an import did with one object store, database or collection. */
export interface MigratedCollection {
  readonly from: string
  readonly into: string
  /** Documents stored. */
  readonly documents: number
  /** Documents whose id was taken here. */
  readonly kept: number
  /** Documents left out by `map` or told to `onError`. */
  readonly skipped: number
  /** Indexes there are here now because they were there. */
  readonly indexes: readonly string[]
  /** Indexes that could not be made, and why. */
  readonly refused: readonly { readonly index: string; readonly message: string }[]
}

/** What an import did. */
export interface MigrationResult {
  /** Whether an earlier run had finished it, so that nothing was done now. */
  readonly before: boolean
  readonly collections: readonly MigratedCollection[]
  /** Attachments that were not taken along (PouchDB, RxDB). */
  readonly attachments: number
}
