/**
 * The entry for Vue: live results as refs. They work on what the application opened, and are loading on a server.
 *
 * @module tidewell/vue
 */
import {
  computed,
  type ComputedRef,
  type MaybeRefOrGetter,
  type ShallowRef,
  shallowRef,
  toRaw,
  toValue,
  watch,
} from 'vue'
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

/** What a live query or search shows, as refs that change together. */
export interface LiveRefs<D> {
  readonly status: ComputedRef<LiveState<D>['status']>
  readonly data: ComputedRef<D | undefined>
  readonly error: ComputedRef<Error | undefined>
}

/** The documents of a query (or of what a ref or getter gives: nothing yet is loading), until the scope it was called in is disposed. */
export function useLiveQuery<T, R>(query: MaybeRefOrGetter<MaybeQuery<T, R>>): LiveRefs<readonly R[]> {
  return useStore(() => queryStore<T, R>(toRaw(toValue(query)) as MaybeQuery<T, R>))
}

/** The result of a full-text search. Each argument may be a ref or getter. */
export function useSearch<T extends { id: string }, In>(
  collection: MaybeRefOrGetter<Collection<T, In> | null | undefined>,
  query: MaybeRefOrGetter<SearchQuery | null | undefined>,
  options?: MaybeRefOrGetter<SearchOptions<T> | undefined>,
): LiveRefs<SearchResult<T>> {
  return useStore(() =>
    searchStore<T, In>({
      collection: toRaw(toValue(collection)) as Collection<T, In> | null | undefined,
      query: toRaw(toValue(query)) as SearchQuery | null | undefined,
      options: toRaw(toValue(options)) as SearchOptions<T> | undefined,
    }),
  )
}

function useStore<D>(storeNow: () => LiveSource<D>): LiveRefs<D> {
  const state = shallowRef<LiveState<D>>(LOADING)
  if (typeof window !== 'undefined') {
    // The same store for as long as the same is asked.
    watch(
      storeNow,
      (store, _, onCleanup) => {
        state.value = store.get()
        onCleanup(store.subscribe(() => (state.value = store.get())))
      },
      { immediate: true },
    )
  }
  return {
    status: computed(() => state.value.status),
    data: computed(() => state.value.data),
    error: computed(() => state.value.error),
  }
}

/** How syncing stands (of what a ref or getter gives), in whatever tab it is done. Undefined without anything that is synced. */
export function useSyncStatus(sync: MaybeRefOrGetter<MaybeSync>): Readonly<ShallowRef<SyncStatus | undefined>> {
  const status = shallowRef<SyncStatus | undefined>()
  watch(
    () => toRaw(toValue(sync)) as MaybeSync,
    (current, _, onCleanup) => {
      const source = syncSource(current)
      status.value = source.get()
      onCleanup(source.subscribe(() => (status.value = source.get())))
    },
    { immediate: true },
  )
  return status
}
