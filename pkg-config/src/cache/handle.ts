/**
 * A cache as the application holds it. The code behind it is a chunk of its own, loaded with the first use: pages without caches
 * do not download it.
 */
import { notLoaded } from '../errors.js'
import type { ReadOptions } from '../types/options.js'
import type { HostSignal } from '../types/signal.js'
import type { LoadedCache } from './cache.js'
import {
  type CacheChanges,
  type CacheStats,
  checkName,
  type EntriesOptions,
  type EntryOptions,
  type Invalidation,
  listening,
  type LoadOptions,
} from './options.js'
import type { Watch } from './watch.js'

/** What a loader is given. */
export interface Loading {
  /** Fires when the load has taken too long. */
  readonly signal: HostSignal
}

/**
 * Values of type `V` by key. What it returns is shared with later readers: do not change it.
 *
 * Every method rejects with `TidewellError`: `invalid` for bad keys, values and options (reason `too-large` for a value that can
 * never fit), `unavailable` with reason `load-timeout` for a loader that hangs, and otherwise what its code says.
 */
export class Cache<V = unknown> {
  /** The cache's name. */
  readonly name: string
  readonly #open: () => Promise<LoadedCache>
  #loaded: LoadedCache | undefined

  /** @internal */
  constructor(name: string, open: () => Promise<LoadedCache>) {
    checkName(name)
    this.name = name
    this.#open = open
  }

  /** The value if this tab has it in memory, at once. */
  peek(key: string): V | undefined {
    if (this.#loaded !== undefined) return this.#loaded.peek(key) as V | undefined
    for (const { late } of listening) late.push(this.#later(async (cache) => cache.missed(key)).catch(() => undefined))
    return undefined
  }

  /** The value, or undefined. */
  get(key: string, options?: ReadOptions): Promise<V | undefined>
  /** The value; if there is none, what `load` returns, which is stored. One tab loads at a time, and all get its answer. */
  get<R extends V | undefined>(
    key: string,
    load: (loading: Loading) => R | Promise<R>,
    options?: LoadOptions,
  ): Promise<R>
  get(key: string, second?: unknown, third?: LoadOptions): Promise<unknown> {
    const loaded = this.#loaded
    return loaded !== undefined ? loaded.get(key, second, third) : this.#later((cache) => cache.get(key, second, third))
  }

  /** Stores a value. `undefined` is not one. */
  set(key: string, value: V, options?: EntryOptions): Promise<void> {
    return this.#later((cache) => cache.set(key, value, options))
  }

  /**
   * The value; if there is none, what `compute` returns, which is stored with what it read. The commit that changes any of that
   * removes the value, in every tab.
   *
   * A `compute` that takes a parameter reads through it and sees one snapshot. One that takes none may read the database's own
   * collections and caches: everything that this tab reads while it runs counts as read by it.
   *
   * @throws TidewellError `invalid`, reason `cycle`, if it asks for itself; whatever `compute` throws.
   */
  compute<R extends V>(key: string, compute: (watch: Watch) => R | Promise<R>, options?: LoadOptions): Promise<R> {
    const loaded = this.#loaded
    const work = (cache: LoadedCache) => cache.compute(key, compute, options) as Promise<R>
    return loaded !== undefined ? work(loaded) : this.#later(work)
  }

  /** Removes a value. Resolves with whether there was one. */
  delete(key: string): Promise<boolean> {
    return this.#later((cache) => cache.delete(key))
  }

  /** Removes the values that have one of the tags, and what was computed from them. Resolves with how many there were. */
  invalidateTags(...tags: readonly string[]): Promise<number> {
    return this.#later((cache) => cache.invalidateTags(...tags))
  }

  /** The values of `keys` in their order, undefined where there is none: read in one step. */
  getMany(keys: readonly string[]): Promise<(V | undefined)[]> {
    return this.#later((cache) => cache.getMany(keys) as Promise<(V | undefined)[]>)
  }

  /**
   * Stores and removes any number of values in one commit: all of it or nothing. Resolves with how many of those to be removed
   * were there. A budget that is exceeded evicts as always.
   */
  write(changes: CacheChanges<V>): Promise<number> {
    return this.#later((cache) => cache.write(changes))
  }

  /**
   * Keys and values in the order of the keys, read in pages: what is stored meanwhile may or may not be among them. Computations
   * cannot follow them: one that takes no parameter is not stored if this tab lists entries while it runs.
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<[key: string, value: V], void, undefined> {
    const list = await this.#later((cache) => Promise.resolve(cache.entries(options)))
    yield* list as AsyncGenerator<[string, V], void, undefined>
  }

  /** Removes everything that is in it now. */
  clear(): Promise<void> {
    return this.#later((cache) => cache.clear())
  }

  /** What it has been doing in this tab, and what it holds. */
  stats(): Promise<CacheStats> {
    return this.#later((cache) => cache.stats())
  }

  /**
   * Calls back whenever a commit, of whatever tab, removes an entry or replaces one that this tab had in memory: which one, why, and
   * at which commit. Resolves with what ends it.
   */
  subscribe(listener: (invalidation: Invalidation) => void): Promise<() => void> {
    return this.#later((cache) => cache.subscribe(listener))
  }

  async #later<R>(work: (cache: LoadedCache) => Promise<R>): Promise<R> {
    return work((this.#loaded ??= await this.#open().catch(notLoaded)))
  }
}
