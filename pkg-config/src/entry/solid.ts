/**
 * The entry for Solid: live results as accessors. They work on what the application opened, and are loading on a server.
 *
 * @module tidewell/solid
 */
import { type Accessor, createEffect, createMemo, createSignal, onCleanup } from 'solid-js'
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

/** The documents of the query that the accessor gives, now and after every commit that changes them. Without one it is loading. */
export function createLiveQuery<T, R>(query: Accessor<MaybeQuery<T, R>>): Accessor<LiveState<readonly R[]>> {
  return createStore(() => queryStore(query()))
}

/** The result of a full-text search, now and after every commit that changes it. */
export function createSearch<T extends { id: string }, In>(
  collection: Accessor<Collection<T, In> | null | undefined>,
  query: Accessor<SearchQuery | null | undefined>,
  options?: Accessor<SearchOptions<T> | undefined>,
): Accessor<LiveState<SearchResult<T>>> {
  return createStore(() => searchStore({ collection: collection(), query: query(), options: options?.() }))
}

function createStore<D>(find: () => LiveSource<D>): Accessor<LiveState<D>> {
  const [state, setState] = createSignal<LiveState<D>>(LOADING)
  // The same store for as long as the same is asked.
  const current = createMemo(find)
  createEffect(() => {
    const store = current()
    setState(() => store.get())
    onCleanup(store.subscribe(() => setState(() => store.get())))
  })
  return state
}

/** How syncing stands (of what the accessor gives), in whatever tab it is done. Undefined without anything that is synced. */
export function createSyncStatus(sync: Accessor<MaybeSync>): Accessor<SyncStatus | undefined> {
  const [status, setStatus] = createSignal<SyncStatus | undefined>()
  createEffect(() => {
    const { get, subscribe } = syncSource(sync())
    setStatus(get)
    onCleanup(subscribe(() => setStatus(get)))
  })
  return status
}
