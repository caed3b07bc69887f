/**
 * A storage for TanStack's `experimental_createQueryPersister`: one entry of a cache for each query, read when the query is first
 * used and written when it was fetched.
 */
import type { Cache } from '../cache/handle.js'
import { keyOf } from './tanstack_keys.js'
import type { KeptQuery, PersistedQueryLike } from './tanstack_shapes.js'

/** Options of {@link createQueryStorage}. */
export interface QueryStorageOptions {
  /** What its keys in the cache begin with. Default `queries/`. */
  readonly prefix?: string | undefined
}

/** Spread it into the options of `experimental_createQueryPersister`. */
export interface QueryStorage {
  readonly storage: {
    /** The query that is kept under this key. */
    getItem(key: string): Promise<KeptQuery | undefined>
    /** Keeps a query. */
    setItem(key: string, value: KeptQuery): Promise<void>
    /** Forgets a query. */
    removeItem(key: string): Promise<void>
    /** All that are kept. */
    entries(): Promise<[key: string, value: KeptQuery][]>
  }
  /** Queries are stored as they are: dates, bytes and big integers come back as such. */
  readonly serialize: (query: PersistedQueryLike) => KeptQuery
  /** Nothing is to be done to read one. */
  readonly deserialize: (query: KeptQuery) => KeptQuery
}

interface Item {
  readonly key: string
  readonly value: KeptQuery
}

/**
 * Keeps queries one by one in `cache`: `experimental_createQueryPersister({ ...createQueryStorage(cache), buster, maxAge })`.
 * Methods reject with `TidewellError`.
 */
export function createQueryStorage(
  cache: Cache | Promise<Cache>,
  { prefix = 'queries/' }: QueryStorageOptions = {},
): QueryStorage {
  if (cache instanceof Promise) cache.catch(() => undefined)
  return {
    storage: {
      getItem: async (key) => {
        const item = (await (await cache).get(keyOf(prefix, key))) as Item | undefined
        return item?.key === key ? item.value : undefined
      },
      setItem: async (key, value) => (await cache).set(keyOf(prefix, key), { key, value }),
      removeItem: async (key) => void (await (await cache).delete(keyOf(prefix, key))),
      entries: async () => {
        const items: [string, KeptQuery][] = []
        for await (const [, item] of (await cache).entries({ prefix }))
          items.push([(item as Item).key, (item as Item).value])
        return items
      },
    },
    serialize: (query) => ({ ...query, state: storable(query.state) }) as unknown as KeptQuery,
    deserialize: (query) => query,
  }
}

/** A state with its errors as plain objects. */
export function storable(state: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(state))
    copy[name] = value instanceof Error ? { name: value.name, message: value.message } : (value as unknown)
  return copy
}
