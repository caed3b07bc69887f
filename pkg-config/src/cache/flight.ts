/**
 * One load for everybody who asks: within a tab by sharing a promise, between tabs by a Web Lock that is a courtesy only. A tab
 * that is killed lets go of it at once; one that is frozen is waited for until a deadline.
 */
import { TidewellError } from '../errors.js'

/** How long another tab's load is waited for. */
const LOCK_WAIT_MS = 10_000

interface LockManager {
  request<R>(name: string, options: { signal?: AbortSignal }, work: () => Promise<R>): Promise<R>
}

/** Runs `work` while no other tab does so under this name, or after a while anyway. `waited` says that another did. */
export async function alone<R>(
  name: string | undefined,
  wait: number,
  work: (waited: boolean) => Promise<R>,
): Promise<R> {
  const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks
  if (name === undefined || locks === undefined) return work(false)
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), Math.min(wait, LOCK_WAIT_MS))
  let started: Promise<R> | undefined
  const begun = performance.now()
  const start = (waited: boolean) => {
    clearTimeout(timer)
    started ??= work(waited)
    return started
  }
  try {
    return await locks.request(name, { signal: patience.signal }, () => start(performance.now() - begun > 2))
  } catch (error) {
    // The lock was not to be had: work without it. An error of the work itself is the answer.
    if (started !== undefined) throw error
    return start(true)
  } finally {
    clearTimeout(timer)
  }
}

/** The promise, or `unavailable` with reason `load-timeout` after `ms`. */
export function within<R>(promise: Promise<R>, ms: number, key: string): Promise<R> {
  return new Promise((resolve, reject) => {
    const late = () =>
      reject(
        new TidewellError(
          'unavailable',
          `cache: loading ${JSON.stringify(key)} took longer than ${ms} ms: raise loadTimeout`,
          {
            reason: 'load-timeout',
          },
        ),
      )
    const timer = setTimeout(late, ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
