/** The options and answers of caches, and the checks of what comes in. */
import { invalid } from '../errors.js'
import type { Durability, ReadOptions } from '../types/options.js'
import type { ClockSource } from './clock.js'
import type { Heard } from './heard.js'

/** How long a value lives. Milliseconds. */
export interface Lifetime {
  /** Fresh for so long after it was stored. Without it, for ever. */
  readonly ttl?: number | undefined
  /** Fresh for so long after its last use, but not longer than `ttl`. */
  readonly sliding?: number | undefined
}

/** Options of {@link Database.cache}. Those of the first call for a name count as long as the database is open. */
export interface CacheOptions extends Lifetime {
  /** The most bytes stored, keys and JSON. Default 64 MiB. */
  readonly maxBytes?: number | undefined
  /** The most bytes held in memory in front of that. Default 8 MiB, at most `maxBytes`. */
  readonly memoryBytes?: number | undefined
  /** After it has expired, `get` with a loader serves the old value for so long and loads a new one meanwhile. Default 0. */
  readonly staleWhileRevalidate?: number | undefined
  /** After it has expired, the old value is served for so long if the loader fails. Default 0. */
  readonly staleIfError?: number | undefined
  /** Remembers for so long that a loader found nothing (in every tab) or failed (in this one). Default 0. */
  readonly negativeTtl?: number | undefined
  /** How long a loader or a computation may take before those who wait get an error. Default 30 s. */
  readonly loadTimeout?: number | undefined
  /** What stored values survive. Default: the database's. */
  readonly durability?: Durability | undefined
  /** Where time comes from; for tests. */
  readonly clock?: ClockSource | undefined
}

/** Options of storing one value. */
export interface EntryOptions extends Lifetime {
  /** Names by which many entries are removed at once; at most 32. */
  readonly tags?: readonly string[] | undefined
  /** What it counts against `maxBytes` instead of its bytes. */
  readonly weight?: number | undefined
}

/** An entry to be stored. */
export interface NewEntry<V = unknown> extends EntryOptions {
  readonly key: string
  readonly value: V
}

/** What one commit stores and removes. A key that is in both is stored. */
export interface CacheChanges<V = unknown> {
  readonly set?: readonly NewEntry<V>[] | undefined
  readonly delete?: readonly string[] | undefined
}

/** Which entries are listed. */
export interface EntriesOptions {
  /** Only those whose keys begin so. */
  readonly prefix?: string | undefined
}

/** Options of `get` with a loader, and of `compute`. */
export interface LoadOptions extends EntryOptions, ReadOptions {}

/** What made an entry go. */
export type InvalidationCause =
  /** A commit changed a document that was read by its id. */
  | { readonly kind: 'document'; readonly collection: string; readonly id: string }
  /** A commit changed these documents (at most 4 are named), one of which concerned a query that was asked. */
  | { readonly kind: 'query'; readonly collection: string; readonly ids: readonly string[] }
  /** It was computed from another entry, which went. */
  | { readonly kind: 'entry'; readonly cache: string; readonly key: string }
  /** It was stored anew. */
  | { readonly kind: 'stored' }
  /** It was deleted, by its key or a tag, or evicted. */
  | { readonly kind: 'removed' }

/** Why an entry went, and when. */
export interface Invalidation {
  readonly key: string
  /** For people. */
  readonly reason: string
  readonly cause: InvalidationCause
  /** The commit. */
  readonly position: number
}

/** What a cache has been doing in this tab, and what it holds. */
export interface CacheStats {
  readonly hits: { readonly memory: number; readonly disk: number; readonly stale: number }
  readonly misses: number
  /** Loaders and computations run, and those that failed. */
  readonly loads: number
  readonly failures: number
  readonly evictions: { readonly memory: number; readonly disk: number }
  readonly expirations: number
  /** Entries that commits of any tab removed or, where this one had them in memory, replaced; and the last 32 of them. */
  readonly invalidations: number
  readonly last: readonly Invalidation[]
  readonly memory: { readonly entries: number; readonly bytes: number }
  readonly disk: { readonly entries: number; readonly bytes: number }
}

/** Options after defaults. */
export interface Settled {
  readonly ttl: number | undefined
  readonly sliding: number | undefined
  readonly maxBytes: number
  readonly memoryBytes: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly negativeTtl: number
  readonly loadTimeout: number
}

const MIB = 1024 * 1024
/** Hosts take a longer timer for one of a millisecond. */
const TIMER_MAX_MS = 2 ** 31 - 1

/**
 * Computations that listen to what is read of caches, of all open databases: a cache that is not loaded knows none. Here, in code
 * that every page has.
 *
 * @internal
 */
export const listening = new Set<Heard>()

/** Checks the options of a cache. */
export function settle(options: CacheOptions): Settled {
  if (typeof options !== 'object' || options === null) throw invalid('cache: options must be an object')
  const number = (name: keyof Settled, fallback: number, least = 0) =>
    checkNumber(`cache: ${name}`, options[name] ?? fallback, least)
  const maxBytes = number('maxBytes', 64 * MIB, 1024)
  return {
    ...checkLifetime('cache', options),
    maxBytes,
    memoryBytes: Math.min(maxBytes, number('memoryBytes', 8 * MIB)),
    staleWhileRevalidate: number('staleWhileRevalidate', 0),
    staleIfError: number('staleIfError', 0),
    negativeTtl: number('negativeTtl', 0),
    loadTimeout: Math.min(TIMER_MAX_MS, number('loadTimeout', 30_000, 1)),
  }
}

/** Checks a `ttl` and a `sliding`. */
export function checkLifetime(what: string, { ttl, sliding }: Lifetime) {
  return {
    ttl: ttl === undefined ? undefined : checkNumber(`${what}: ttl`, ttl),
    sliding: sliding === undefined ? undefined : checkNumber(`${what}: sliding`, sliding),
  }
}

/** A number of milliseconds or bytes, whole. */
export function checkNumber(what: string, value: unknown, least = 0): number {
  if (typeof value !== 'number' || !(value >= least) || value > Number.MAX_SAFE_INTEGER)
    throw invalid(`${what} must be a number from ${least}, got ${String(value)}`)
  return Math.ceil(value)
}

/** Checks a key: the engine checks its bytes. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key === '')
    throw invalid(`cache: a key must be a string that is not empty, got ${key === '' ? '""' : typeof key}`)
  checkWhole('key', key)
}

/** Checks the name of a cache: the engine checks its bytes. */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '') throw invalid('cache: a name must be a string that is not empty')
  checkWhole('name', name)
}

/** The engine would know the text by another name than memory does: in UTF-8, half a character becomes U+FFFD. */
function checkWhole(what: string, text: string): void {
  if (/\p{Surrogate}/u.test(text))
    throw invalid(`cache: a ${what} must be well-formed text, got half a character (a lone surrogate)`)
}

/** The fields that have a value: in a list of entries, the engine takes none without one. */
export function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
