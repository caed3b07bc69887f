/**
 * A storage adapter for Keyv on a cache of the database. It needs neither Keyv nor the rest of the package: it works on any
 * {@link Cache} it is given. What Keyv adds (namespaces in keys, serialization, its own expiry) stays Keyv's.
 */
import type { Cache } from '../cache/handle.js'

type Listener = (...details: unknown[]) => void

/** An entry of `setMany`. */
export interface KeyvTidewellEntry {
  readonly key: string
  readonly value: unknown
  /** Milliseconds; 0 and undefined mean for ever. */
  readonly ttl?: number | undefined
}

/** Keys that one commit of `clear` removes. */
const CLEAR_SLICE = 1024

/**
 * Keeps what Keyv stores in a cache, where all tabs share it and it outlives them: `new Keyv({ store: new KeyvTidewell(cache) })`.
 *
 * The cache's `maxBytes` holds: beyond it, entries are evicted. Several stores may share one cache under different namespaces.
 * Methods reject with `TidewellError`.
 */
export class KeyvTidewell {
  /** Keyv 5 iterates only over the dialects it has heard of; it uses this for nothing else. */
  readonly opts: Record<string, unknown> = { dialect: 'sqlite', url: '' }
  /** Keyv's namespace, which Keyv sets; its keys begin with it and a colon. */
  declare namespace?: string | undefined
  readonly #cache: Cache | Promise<Cache>
  readonly #listeners: Listener[] = []

  /**
   * A store for Keyv.
   *
   * @param cache where values are kept, or a promise of it, so that a store can be made before the database is open.
   */
  constructor(cache: Cache | Promise<Cache>) {
    this.#cache = cache
    // Whoever uses the store hears of it.
    if (cache instanceof Promise) cache.catch(() => undefined)
  }

  /** Hears of errors that Keyv would keep to itself: those of `get`. */
  on(event: string, listener: Listener): this {
    if (event === 'error') this.#listeners.push(listener)
    return this
  }

  /** The stored value, or undefined. */
  async get<Value>(key: string): Promise<Value | undefined> {
    try {
      return (await (await this.#cache).get(key)) as Value | undefined
    } catch (error) {
      for (const listener of this.#listeners) listener(error)
      throw error
    }
  }

  /** The stored values in the order of `keys`. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    return (await (await this.#cache).getMany(keys)) as (Value | undefined)[]
  }

  /** Stores a value for `ttl` milliseconds. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    await (await this.#cache).write({ set: [entry({ key, value, ttl })] })
    return true
  }

  /** Stores all of them in one commit. Resolves with `true` for each, of which the types of Keyv 5 say nothing. */
  async setMany(entries: readonly KeyvTidewellEntry[]): Promise<void> {
    await (await this.#cache).write({ set: entries.map(entry) })
    return entries.map(() => true) as unknown as undefined
  }

  /** Whether there is a value. */
  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  /** Whether there are values, in the order of `keys`. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined)
  }

  /** Removes a value. Resolves with whether there was one. */
  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key])
  }

  /** Removes all of them in one commit. Resolves with whether there was any. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await (await this.#cache).write({ delete: keys })) > 0
  }

  /** Removes everything of the namespace; without one, everything. */
  async clear(): Promise<void> {
    const cache = await this.#cache
    if (this.namespace === undefined) return cache.clear()
    let keys: string[] = []
    for await (const [key] of cache.entries({ prefix: `${this.namespace}:` })) {
      keys.push(key)
      if (keys.length < CLEAR_SLICE) continue
      await cache.write({ delete: keys })
      keys = []
    }
    await cache.write({ delete: keys })
  }

  /** Keys and stored values of a namespace, in the order of the keys; without one, of all. */
  async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Value], void> {
    const prefix = namespace === undefined ? undefined : `${namespace}:`
    for await (const [key, value] of (await this.#cache).entries({ prefix })) yield [key, value as Value]
  }

  /** Nothing is to be let go: the database stays open until whoever opened it closes it. */
  async disconnect(): Promise<void> {
    await this.#cache
  }
}

function entry({ key, value, ttl }: KeyvTidewellEntry) {
  return { key, value, ...(ttl === undefined || ttl <= 0 ? {} : { ttl }) }
}
