/**
 * What TanStack Query hands over to be kept, and takes back: as much of it as matters here. What comes in may have more fields;
 * what goes out has all that TanStack's own types ask for. Nothing of TanStack is imported.
 */

/** The state of a query, as far as it is looked at. */
export interface QueryStateLike {
  readonly data?: unknown
  readonly dataUpdatedAt: number
}

/** A query of a dehydrated client. */
export interface DehydratedQueryLike {
  readonly queryHash: string
  readonly queryKey: readonly unknown[]
  readonly state: QueryStateLike
}

/** A query to be persisted on its own. */
export interface PersistedQueryLike extends DehydratedQueryLike {
  readonly buster: string
}

/** A client to be persisted. */
export interface PersistedClientLike {
  readonly timestamp: number
  readonly buster: string
  readonly clientState: { readonly queries: readonly DehydratedQueryLike[]; readonly mutations: readonly object[] }
}

/** A query that was kept on its own. */
export interface KeptQuery {
  buster: string
  queryHash: string
  queryKey: readonly unknown[]
  state: RestoredQuery['state']
}

/** A query that was kept as part of a client. */
export interface RestoredQuery {
  queryHash: string
  queryKey: readonly unknown[]
  dehydratedAt: number
  state: {
    data: unknown
    dataUpdateCount: number
    dataUpdatedAt: number
    error: Error | null
    errorUpdateCount: number
    errorUpdatedAt: number
    fetchFailureCount: number
    fetchFailureReason: Error | null
    fetchMeta: null
    isInvalidated: boolean
    status: 'error' | 'success'
    fetchStatus: 'idle'
  }
}

/** A mutation that was kept. */
export interface RestoredMutation {
  mutationKey?: readonly unknown[]
  state: {
    context: unknown
    data: unknown
    error: Error | null
    failureCount: number
    failureReason: Error | null
    isPaused: boolean
    status: 'idle' | 'pending' | 'success' | 'error'
    variables: unknown
    submittedAt: number
  }
}

/** A client that was kept. */
export interface RestoredClient {
  timestamp: number
  buster: string
  clientState: { queries: RestoredQuery[]; mutations: RestoredMutation[] }
}
