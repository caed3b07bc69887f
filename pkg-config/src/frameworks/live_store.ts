/**
 * Live results as frameworks take them: a value that is there at once, and a call when it is another one. All that show the same
 * query share one subscription. It knows no framework, and is loaded only by entries for one.
 */
import type { Collection } from '../collection.js'
import type { Query } from '../query.js'
import type { LiveOptions } from '../types/options.js'
import type { SearchOptions, SearchQuery, SearchResult } from '../types/search.js'

/** What a live query or search shows. */
export type LiveState<D> =
  | { readonly status: 'loading'; readonly data: undefined; readonly error: undefined }
  | ReadyState<D>
  | { readonly status: 'error'; readonly data: undefined; readonly error: Error }

/** The result. It is a new one after every commit that changes it; documents that did not change are the same objects. */
export interface ReadyState<D> {
  readonly status: 'ready'
  readonly data: D
  readonly error: undefined
}

/** Before there is a result. */
export const LOADING = { status: 'loading', data: undefined, error: undefined } as const

/** How long a subscription goes on when nobody looks: a view that is built anew finds its result. */
const LINGER_MS = 2000

type Start<D> = (deliver: (data: D) => void, options: LiveOptions) => () => void

/** A value that is there at once, and a call when it is another one. */
export interface LiveSource<D> {
  /** What there is to show now. The same object until it changes. */
  readonly get: () => LiveState<D>
  /** Calls `listener` whenever there is something else to show. Returns what ends it. */
  readonly subscribe: (listener: () => void) => () => void
  /** Resolves when there is a result or an error to show. */
  settled(): Promise<void>
}

/** One live result. */
class LiveStore<D> implements LiveSource<D> {
  #state: LiveState<D> = LOADING
  readonly #start: Start<D>
  readonly #isHeld: (held: boolean) => void
  readonly #listeners = new Set<() => void>()
  #stop: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #settle: () => void = () => undefined
  #settled: Promise<void> | undefined

  /** `isHeld` is told when others are to find it, and when they are not any more. */
  constructor(start: Start<D>, isHeld: (held: boolean) => void) {
    this.#start = start
    this.#isHeld = isHeld
  }

  /** Others find it from now on. What only renders and is then thrown away never subscribes: that is forgotten after a while. */
  hold(): this {
    this.#isHeld(true)
    this.#linger()
    return this
  }

  readonly get = (): LiveState<D> => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener()
    this.#listeners.add(own)
    clearTimeout(this.#timer)
    this.#begin()
    return () => {
      if (this.#listeners.delete(own)) this.#linger()
    }
  }

  settled(): Promise<void> {
    this.#begin()
    this.#settled ??= new Promise((resolve) => (this.#settle = resolve))
    return this.#settled
  }

  #begin(): void {
    if (this.#stop !== undefined) return
    this.#isHeld(true)
    if (this.#state.status === 'error') this.#state = LOADING
    this.#stop = () => undefined
    const onError = (error: Error) => {
      this.#stop = undefined
      this.#show({ status: 'error', data: undefined, error })
    }
    try {
      this.#stop = this.#start((data) => this.#show({ status: 'ready', data, error: undefined }), { onError })
    } catch (error) {
      // Not now: whoever subscribes is in the middle of it.
      queueMicrotask(() => onError(error as Error))
    }
    this.#linger()
  }

  #show(state: LiveState<D>): void {
    this.#state = state
    this.#settle()
    this.#settled = undefined
    // Who waited for it has yet to look.
    this.#linger()
    for (const listener of [...this.#listeners]) listener()
  }

  #linger(): void {
    clearTimeout(this.#timer)
    if (this.#listeners.size > 0) return
    this.#timer = setTimeout(() => {
      // Somebody was promised a result.
      if (this.#settled !== undefined) return this.#linger()
      this.#stop?.()
      this.#stop = undefined
      this.#state = LOADING
      this.#isHeld(false)
    }, LINGER_MS)
  }
}

/** Stores that others find, by the open database and by what they show. */
const held = new WeakMap<object, Map<string, LiveStore<never>>>()

function share<D>(owner: object, key: string, start: Start<D>): LiveStore<D> {
  const known = held.get(owner)?.get(key) as LiveStore<D> | undefined
  if (known !== undefined) return known
  const store = new LiveStore<D>(start, (isHeld) => {
    const stores = held.get(owner) ?? new Map<string, LiveStore<never>>()
    held.set(owner, stores)
    if (isHeld) {
      if (!stores.has(key)) stores.set(key, store as LiveStore<never>)
    } else if (stores.get(key) === (store as LiveStore<never>)) stores.delete(key)
  })
  // On a server nobody ever subscribes.
  return typeof window === 'undefined' ? store : store.hold()
}

/** A source that never changes. */
function fixed<D>(state: LiveState<D>): LiveSource<D> {
  const never = new Promise<void>(() => undefined)
  return {
    get: () => state,
    subscribe: () => () => undefined,
    settled: () => (state === LOADING ? never : Promise.resolve()),
  }
}

/** The source of a query without a query: it loads until there is one. */
const NOTHING = fixed<never>(LOADING)

/** It could not even be asked. */
function failing<D>(error: unknown): LiveSource<D> {
  return fixed<D>({ status: 'error', data: undefined, error: error as Error })
}

/** A query, or nothing yet. */
export type MaybeQuery<T, R> = Query<T, R> | null | undefined

/** The documents of a query. Two queries that ask the same of the same database have the same store. */
export function queryStore<T, R>(query: MaybeQuery<T, R>): LiveSource<readonly R[]> {
  if (query === null || query === undefined) return NOTHING
  try {
    const [owner, key] = query.identity
    return share(owner, key, (deliver, options) => query.subscribe(({ docs }) => deliver(docs), options))
  } catch (error) {
    return failing(error)
  }
}

/** What is to be searched: a collection, a query and options; without a collection, or a query of text, it waits. */
export interface Searching<T extends { id: string }, In> {
  readonly collection: Collection<T, In> | null | undefined
  readonly query: SearchQuery | null | undefined
  readonly options?: SearchOptions<T> | undefined
}

/** The result of a search. */
export function searchStore<T extends { id: string }, In>(search: Searching<T, In>): LiveSource<SearchResult<T>> {
  const { collection, query, options = {} } = search
  if (collection === null || collection === undefined || query === null || query === undefined) return NOTHING
  try {
    const [owner, key] = collection.searchIdentity(query, options)
    return share(owner, key, (deliver, live) =>
      collection.subscribeSearch(query, options, ({ value }) => deliver(value), live),
    )
  } catch (error) {
    return failing(error)
  }
}
