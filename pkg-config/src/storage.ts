/** What the browser says about this origin's storage. Estimates: it may hide or round them. */
import type { StorageInfo } from './types/options.js'

/** The storage figures of this origin. */
export async function readStorage(kind: StorageInfo['kind']): Promise<StorageInfo> {
  const manager = storageManager()
  const [estimate, persisted] = await Promise.all([
    // Some private modes refuse to tell.
    manager?.estimate?.().catch(() => undefined),
    manager?.persisted?.().catch(() => false),
  ])
  return { kind, quota: estimate?.quota ?? null, usage: estimate?.usage ?? null, persisted: persisted ?? false }
}

/** Asks that this origin's data be kept. */
export async function requestPersistence(): Promise<boolean> {
  return (await storageManager()?.persist?.()) ?? false
}

function storageManager(): Partial<StorageManager> | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator.storage as StorageManager | undefined)
}
