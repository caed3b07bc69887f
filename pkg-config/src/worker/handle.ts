/** A dedicated worker of the browser as a {@link WorkerHandle}. */
import { awake } from './awake.js'
import type { Reply, Request } from './protocol.js'
import type { WorkerHandle } from './client.js'

/** The handle of a started worker. */
export function handleOf(worker: Worker): WorkerHandle {
  const thread = awake()
  return {
    post: (messages, transfer) => {
      worker.postMessage(messages, [...transfer])
      thread?.sent()
    },
    listen: (receive) => {
      worker.addEventListener('message', ({ data }: MessageEvent<readonly Reply[]>) => {
        thread?.heard()
        receive(data)
      })
    },
    onLost: (lost) => onLost(worker, lost),
    watchLock,
    terminate: () => worker.terminate(),
  }
}

/** A worker whose script fails says so by an `error` event; one that runs reports uncaught errors there too, and goes on. */
function onLost(worker: Worker, lost: (why: string) => void): void {
  let heard = false
  worker.addEventListener('message', () => (heard = true), { once: true })
  worker.addEventListener('error', (event) => {
    if (!heard)
      lost(event.message === undefined || event.message === '' ? 'its script could not be loaded' : event.message)
  })
  worker.addEventListener('messageerror', () => lost('a message could not be read'))
}

/** The lock is granted to us when the worker, which holds it, is gone: browsers tell of it in no other way. */
function watchLock(name: string, free: () => void): () => void {
  const giveUp = new AbortController()
  navigator.locks.request(name, { signal: giveUp.signal }, () => free()).catch(() => undefined)
  return () => giveUp.abort()
}

/** Inside a worker: holds a lock of its own for as long as it lives. */
export function holdLock(): Promise<string | null> {
  if (typeof navigator === 'undefined' || navigator.locks === undefined) return Promise.resolve(null)
  const name = `tidewell-worker/${crypto.randomUUID()}`
  return new Promise((resolve) => {
    const forever = new Promise<never>(() => undefined)
    navigator.locks
      .request(name, () => {
        resolve(name)
        return forever
      })
      .catch(() => resolve(null))
  })
}

/** Inside a worker: its own scope as a port. */
export function scopePort(scope: Pick<Worker, 'postMessage' | 'addEventListener'>) {
  const thread = awake()
  return {
    post: (messages: readonly Reply[], transfer: readonly ArrayBuffer[]) => {
      scope.postMessage(messages, [...transfer])
      thread?.sent()
    },
    listen: (receive: (messages: readonly Request[]) => void) => {
      scope.addEventListener('message', (event) => {
        thread?.heard()
        receive((event as MessageEvent<readonly Request[]>).data)
      })
    },
  }
}
