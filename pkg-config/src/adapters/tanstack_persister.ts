/**
 * A persister for TanStack's `persistQueryClient`: it is handed the whole client each time anything happens, and writes the queries
 * that have changed since, in one commit. Queries are entries of a cache; what expires and what is evicted is the cache's.
 */
import type { CacheChanges, NewEntry } from '../cache/options.js'
import type { Cache } from '../cache/handle.js'
import { keyOf } from './tanstack_keys.js'
import type {
  DehydratedQueryLike,
  PersistedClientLike,
  RestoredClient,
  RestoredMutation,
  RestoredQuery,
} from './tanstack_shapes.js'
import { storable } from './tanstack_storage.js'

/** Options of {@link createPersister}. */
export interface PersisterOptions {
  /** What its keys in the cache begin with. Default `client/`. */
  readonly prefix?: string | undefined
}

/** What `persistQueryClient` asks for. */
export interface TidewellPersister {
  /** Writes what has changed. Resolves when that is stored; calls during a write share the next one. */
  persistClient(client: PersistedClientLike): Promise<void>
  /** Everything that was kept under the last `buster`; undefined if there is nothing. */
  restoreClient(): Promise<RestoredClient | undefined>
  /** Removes everything it has kept. */
  removeClient(): Promise<void>
}

/** An entry of the cache. The first is the client's, the others name the `buster` they belong to. */
interface Root {
  readonly timestamp: number
  readonly buster: string
}

interface Kept {
  readonly buster: string
  readonly query: RestoredQuery
}

interface KeptMutations {
  readonly buster: string
  readonly mutations: RestoredMutation[]
}

/** Whether a fetch is under way, and how it goes, is nothing to keep. */
const PASSING: Record<string, unknown> = {
  fetchStatus: 'idle',
  fetchFailureCount: 0,
  fetchFailureReason: null,
  fetchMeta: null,
}

/**
 * Keeps a query client in `cache`: `persistQueryClient({ queryClient, persister: createPersister(cache) })`. Any number of tabs
 * may share the cache: of a query, the newest data stay. Methods reject with `TidewellError`.
 */
export function createPersister(
  cache: Cache | Promise<Cache>,
  { prefix = 'client/' }: PersisterOptions = {},
): TidewellPersister {
  if (cache instanceof Promise) cache.catch(() => undefined)
  const persister = new Persister(cache, prefix)
  return {
    persistClient: (client) => persister.persist(client),
    restoreClient: () => persister.restore(),
    removeClient: () => persister.remove(),
  }
}

class Persister {
  readonly #cache: Cache | Promise<Cache>
  readonly #prefix: string
  /** The states as they are stored, as far as this tab knows. */
  readonly #known = new Map<string, object>()
  #mutations: readonly object[] = []
  #buster: string | undefined
  #next: PersistedClientLike | undefined
  #writing: Promise<void> | undefined

  constructor(cache: Cache | Promise<Cache>, prefix: string) {
    this.#cache = cache
    this.#prefix = prefix
  }

  persist(client: PersistedClientLike): Promise<void> {
    this.#next = client
    return (this.#writing ??= this.#drain())
  }

  async #drain(): Promise<void> {
    // Everything that happens in one task is one write.
    await Promise.resolve()
    let failure: { readonly error: unknown } | undefined
    for (let client = this.#next; client !== undefined; client = this.#next) {
      this.#next = undefined
      await this.#write(client).catch((error: unknown) => (failure ??= { error }))
    }
    this.#writing = undefined
    if (failure !== undefined) throw failure.error
  }

  async #write({ timestamp, buster, clientState }: PersistedClientLike): Promise<void> {
    // Data of another version must not stay beside those of this one.
    const isOther = this.#buster !== buster
    // A promise cannot be kept: a query has to have arrived.
    const queries = clientState.queries.filter(({ state }) => (state as { status?: unknown }).status !== 'pending')
    const present = new Set(queries.map(({ queryHash }) => queryHash))
    const changed = queries.filter(({ queryHash, state }) => isOther || !same(this.#known.get(queryHash), state))
    const gone = [...this.#known.keys()].filter((hash) => !present.has(hash))
    const mutations =
      isOther || !sameMutations(this.#mutations, clientState.mutations) ? clientState.mutations : undefined
    if (changed.length === 0 && gone.length === 0 && mutations === undefined) return
    const cache = await this.#cache
    const newer = await this.#newer(cache, buster, changed, gone)
    const set: NewEntry[] = changed
      .filter(({ queryHash }) => !newer.has(queryHash))
      .map((query) => ({ key: this.#key(query.queryHash), value: { buster, query: kept(query) } }))
    if (mutations !== undefined && (mutations.length > 0 || this.#mutations.length > 0))
      set.push(this.#mutationsEntry(buster, mutations))
    const remove = gone.filter((hash) => !newer.has(hash)).map((hash) => this.#key(hash))
    const root = { key: this.#rootKey, value: { timestamp, buster } satisfies Root }
    // Noted first: what cannot be stored is not tried again until it changes.
    for (const { queryHash, state } of changed) this.#known.set(queryHash, state)
    for (const hash of gone) this.#known.delete(hash)
    if (mutations !== undefined) this.#mutations = mutations
    this.#buster = buster
    if (set.length > 0 || remove.length > 0) await writeAll(cache, { set: [...set, root], delete: remove })
  }

  /** Which of the queries another tab has newer data of. */
  async #newer(
    cache: Cache,
    buster: string,
    changed: readonly DehydratedQueryLike[],
    gone: readonly string[],
  ): Promise<Set<string>> {
    const own = new Map<string, number>()
    for (const hash of gone) own.set(hash, (this.#known.get(hash) as { dataUpdatedAt?: number }).dataUpdatedAt ?? 0)
    for (const { queryHash, state } of changed) own.set(queryHash, state.dataUpdatedAt)
    const hashes = [...own.keys()]
    const stored = (await cache.getMany(hashes.map((hash) => this.#key(hash)))) as (Kept | undefined)[]
    const isNewer = (hash: string, at: number) => {
      const one = stored[at]
      if (one === undefined || one.buster !== buster || one.query.queryHash !== hash) return false
      return one.query.state.dataUpdatedAt > (own.get(hash) ?? 0)
    }
    return new Set(hashes.filter(isNewer))
  }

  async restore(): Promise<RestoredClient | undefined> {
    const cache = await this.#cache
    const root = (await cache.get(this.#rootKey)) as Root | undefined
    if (root === undefined) return undefined
    const queries: RestoredQuery[] = []
    for await (const [, value] of cache.entries({ prefix: `${this.#prefix}q/` })) {
      const { buster, query } = value as Kept
      if (buster === root.buster) queries.push(query)
    }
    const stored = (await cache.get(this.#mutationsKey)) as KeptMutations | undefined
    const mutations = stored?.buster === root.buster ? stored.mutations : []
    this.#buster = root.buster
    this.#mutations = mutations
    this.#known.clear()
    for (const { queryHash, state } of queries) this.#known.set(queryHash, state)
    return { ...root, clientState: { queries, mutations } }
  }

  async remove(): Promise<void> {
    this.#next = undefined
    await this.#writing?.catch(() => undefined)
    this.#known.clear()
    this.#mutations = []
    this.#buster = undefined
    const cache = await this.#cache
    const keys: string[] = []
    for await (const [key] of cache.entries({ prefix: this.#prefix })) keys.push(key)
    await cache.write({ delete: keys })
  }

  #mutationsEntry(buster: string, mutations: readonly object[]): NewEntry {
    const list = mutations.map((one) => ({ ...one, state: storable((one as { state: object }).state) }))
    return { key: this.#mutationsKey, value: { buster, mutations: list } }
  }

  #key(hash: string): string {
    return keyOf(`${this.#prefix}q/`, hash)
  }

  get #rootKey(): string {
    return `${this.#prefix}client`
  }

  get #mutationsKey(): string {
    return `${this.#prefix}mutations`
  }
}

/** A query as it is stored. */
function kept({ promise: _, ...query }: DehydratedQueryLike & { readonly promise?: unknown }) {
  return { ...query, state: { ...storable(query.state), ...PASSING } }
}

/** Whether two states say the same of the data. */
function same(one: object | undefined, other: object): boolean {
  if (one === undefined) return false
  const [a, b] = [one, other] as Record<string, unknown>[] as [Record<string, unknown>, Record<string, unknown>]
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (name in PASSING || Object.is(a[name], b[name])) continue
    // `serializeData` makes new objects each time; of errors only their text is kept.
    if (typeof a[name] !== 'object' || typeof b[name] !== 'object' || text(a[name]) !== text(b[name])) return false
  }
  return true
}

function text(value: unknown): string | undefined {
  if (value instanceof Error) return JSON.stringify({ name: value.name, message: value.message })
  try {
    return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
  } catch {
    return undefined
  }
}

function sameMutations(ones: readonly object[], others: readonly object[]): boolean {
  const stateOf = (mutation: object | undefined) => (mutation as { state?: object } | undefined)?.state
  return ones.length === others.length && ones.every((one, at) => same(stateOf(one), stateOf(others[at]) ?? {}))
}

/** Writes in one commit. If one value cannot be stored, the others are; the error comes at the end. */
async function writeAll(cache: Cache, changes: CacheChanges): Promise<void> {
  try {
    await cache.write(changes)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'invalid') throw error
    await cache.write({ delete: changes.delete })
    for (const entry of changes.set ?? []) await cache.write({ set: [entry] }).catch(() => undefined)
    throw error
  }
}
