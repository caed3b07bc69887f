/** How syncing stands, as frameworks take it. It knows no framework, and is loaded only by entries for one. */
import type { Sync, SyncStatus } from '../sync/types.js'

/** What is synced, or nothing yet. */
export type MaybeSync = Sync | null | undefined

/** A value that is there at once, and a call when it is another one; undefined without anything that is synced. */
export function syncSource(sync: MaybeSync): {
  get(): SyncStatus | undefined
  subscribe(listener: () => void): () => void
} {
  return {
    get: () => sync?.status,
    subscribe: (listener) => sync?.subscribe(() => listener()) ?? (() => undefined),
  }
}
