/**
 * The entry for Svelte: live results as readable stores, by the store contract of every version; nothing of Svelte is imported.
 *
 * @module tidewell/svelte
 */
import type { Collection } from '../collection.js'
import {
  LOADING,
  type LiveState,
  type LiveSource,
  type MaybeQuery,
  queryStore,
  searchStore,
} from '../frameworks/live_store.js'
import { type MaybeSync, syncSource } from '../frameworks/sync_store.js'
import type { SyncStatus } from '../sync/types.js'
import type { SearchOptions, SearchQuery, SearchResult } from '../types/search.js'

export type { LiveState } from '../frameworks/live_store.js'

/** A store of Svelte's contract: `$store` in a component, `fromStore(store)` for runes. */
export interface LiveReadable<D> {
  /** Calls `run` with what there is to show, now and whenever it changes. Returns what ends it. */
  subscribe(run: (state: LiveState<D>) => void): () => void
}

/** The documents of a query, now and after every commit that changes them. Without one it is loading. */
export function liveQuery<T, R>(query: MaybeQuery<T, R>): LiveReadable<readonly R[]> {
  return readable(() => queryStore(query))
}

/** The result of a full-text search, now and after every commit that changes it. */
export function liveSearch<T extends { id: string }, In>(
  collection: Collection<T, In> | null | undefined,
  query: SearchQuery | null | undefined,
  options?: SearchOptions<T>,
): LiveReadable<SearchResult<T>> {
  return readable(() => searchStore({ collection, query, options }))
}

function readable<D>(find: () => LiveSource<D>): LiveReadable<D> {
  return {
    subscribe(run) {
      // On a server components subscribe, too.
      if (typeof window === 'undefined') {
        run(LOADING)
        return () => undefined
      }
      const store = find()
      run(store.get())
      return store.subscribe(() => run(store.get()))
    },
  }
}

/** How syncing stands, in whatever tab it is done, as a store. Undefined without anything that is synced. */
export function syncStatus(sync: MaybeSync): {
  /** Calls `run` with how it stands, now and whenever that changes. Returns what ends it. */
  subscribe(run: (status: SyncStatus | undefined) => void): () => void
} {
  const { get, subscribe } = syncSource(sync)
  return {
    subscribe(run) {
      run(get())
      return subscribe(() => run(get()))
    },
  }
}
