/**
 * The entry for React: live results as hooks. They work on what the application opened, and render as loading on a server.
 *
 * @module tidewell/react
 */
import { useMemo, useSyncExternalStore } from 'react'
import type { Collection } from '../collection.js'
import {
  LOADING,
  type LiveState,
  type LiveSource,
  type MaybeQuery,
  queryStore,
  type ReadyState,
  searchStore,
} from '../frameworks/live_store.js'
import { type MaybeSync, syncSource } from '../frameworks/sync_store.js'
import type { SyncStatus } from '../sync/types.js'
import type { SearchOptions, SearchQuery, SearchResult } from '../types/search.js'

export type { LiveState, ReadyState } from '../frameworks/live_store.js'

/** Options of the hooks. */
export interface HookOptions {
  /** Suspend until there is a result, and throw errors to the nearest boundary. Default false. */
  readonly suspense?: boolean | undefined
}

/**
 * The documents of a query, now and after every commit that changes them, in this tab or another. Write the query where it is used: two that
 * ask the same are the same, whoever made them. Without one (the database is not open yet) it is loading.
 */
export function useLiveQuery<T, R>(
  query: MaybeQuery<T, R>,
  options: { readonly suspense: true },
): ReadyState<readonly R[]>
export function useLiveQuery<T, R>(query: MaybeQuery<T, R>, options?: HookOptions): LiveState<readonly R[]>
export function useLiveQuery<T, R>(query: MaybeQuery<T, R>, options?: HookOptions): LiveState<readonly R[]> {
  return useStore(queryStore(query), options)
}

/** The result of a full-text search, now and after every commit that changes it. Without a collection or a query it is loading. */
export function useSearch<T extends { id: string }, In>(
  collection: Collection<T, In> | null | undefined,
  query: SearchQuery | null | undefined,
  search: SearchOptions<T> | undefined,
  options: { readonly suspense: true },
): ReadyState<SearchResult<T>>
export function useSearch<T extends { id: string }, In>(
  collection: Collection<T, In> | null | undefined,
  query: SearchQuery | null | undefined,
  search?: SearchOptions<T>,
  options?: HookOptions,
): LiveState<SearchResult<T>>
export function useSearch<T extends { id: string }, In>(
  collection: Collection<T, In> | null | undefined,
  query: SearchQuery | null | undefined,
  search?: SearchOptions<T>,
  options?: HookOptions,
): LiveState<SearchResult<T>> {
  return useStore(searchStore({ collection, query, options: search }), options)
}

/** On a server there is no database. */
const onServer = () => LOADING

function useStore<D>(store: LiveSource<D>, options: HookOptions | undefined): LiveState<D> {
  const state = useSyncExternalStore<LiveState<D>>(store.subscribe, store.get, onServer)
  if (options?.suspense !== true || state.status === 'ready') return state
  if (state.status === 'error') throw state.error
  // The fallback goes to the browser, which renders the rest.
  if (typeof window === 'undefined') throw new Error('a live result with suspense is rendered in the browser only')
  throw store.settled()
}

/** How syncing stands, in whatever tab it is done. Undefined without anything that is synced, and on a server. */
export function useSyncStatus(sync: MaybeSync): SyncStatus | undefined {
  const { subscribe, get } = useMemo(() => syncSource(sync), [sync])
  return useSyncExternalStore(subscribe, get, () => undefined)
}
