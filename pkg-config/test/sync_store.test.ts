/** How syncing stands, as frameworks take it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { syncSource } from '../src/frameworks/sync_store.js'
import type { Sync, SyncStatus } from '../src/sync/types.js'

test('a source has the status at once and says when it is another; without a sync it has none', () => {
  const listeners = new Set<(status: SyncStatus) => void>()
  const sync = {
    status: { pending: 1 } as SyncStatus,
    subscribe: (listener: (status: SyncStatus) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  } as unknown as Sync
  const source = syncSource(sync)
  let calls = 0
  const end = source.subscribe(() => calls++)
  for (const listener of listeners) listener(sync.status)
  assert.deepStrictEqual([source.get(), calls], [sync.status, 1])
  end()
  assert.equal(listeners.size, 0)
  const none = syncSource(undefined)
  none.subscribe(() => calls++)()
  assert.deepStrictEqual([none.get(), calls], [undefined, 1])
})
