/** Stopping to wait when a signal fires. It stops the waiting, not the engine. */
import { aborted } from './errors.js'
import type { Signal } from './types/signal.js'

/** Throws `aborted` if the signal has fired. */
export function throwIfAborted(signal: Signal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal.reason)
}

/** The promise, or a rejection with `aborted` as soon as the signal fires. */
export function untilAborted<R>(promise: Promise<R>, signal: Signal | undefined): Promise<R> {
  if (signal === undefined) return promise
  if (signal.aborted) return Promise.reject(aborted(signal.reason))
  return new Promise((resolve, reject) => {
    const stop = () => reject(aborted(signal.reason))
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
