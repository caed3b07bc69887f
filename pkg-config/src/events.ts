/** The database's events: who listens, and telling them. Errors of listeners are theirs: they never reach the engine. */
import type { CacheEvent, CommitNews, SyncEvent, TopicEvent } from './backend.js'
import type { CacheStats } from './cache/options.js'
import type { TidewellError } from './errors.js'
import type { CommitEvent } from './types/inspection.js'
import type { Fault, Progress } from './types/options.js'

/** What each event carries. */
export interface DatabaseEvents {
  /** The browser lost the stored database; further calls reject with `storage-lost`. Restore from a backup or the server. */
  'storage-lost': { readonly message: string }
  /** A write met full storage. Reads and deletes still work. */
  quota: { readonly message: string }
  /** Opening or deleting waits for another tab that holds the storage. */
  blocked: { readonly message: string }
  /** An operation of storage meets a fault that {@link OpenOptions.faults} asked for. */
  fault: { readonly operation: number; readonly fault: Fault }
  /** What each commit changed, in this tab or another. It costs a little while somebody listens. */
  commit: CommitEvent
  /** Long work in the background moved on. */
  progress: Progress
  /** Something failed that no call can report: a live query, background work, the engine itself. */
  error: TidewellError
}

/** The name of an event. */
export type EventName = keyof DatabaseEvents

/** A cache that this instance uses. */
interface KnownCache {
  stats(): Promise<CacheStats>
}

type Listener<E extends EventName> = (event: DatabaseEvents[E]) => void

/** Listeners by event. */
export class EventHub {
  /** The caches, once there are some. */
  caches: { hear(event: CacheEvent): void; known(name: string): KnownCache | undefined } | undefined
  /** The topics, once there are some. */
  topics: { hear(event: TopicEvent): void; tendAll(): Promise<void> } | undefined
  /**
   * Hosts whose timers do not last: sees to it that this database is open again in so many milliseconds. Answers whether `wake` is called
   * then, or earlier, so that no timer need be kept.
   */
  wakeIn: ((ms: number, wake?: () => Promise<void>) => boolean) | undefined
  /** Whoever translates commits, once somebody inspects. */
  inspector: { hear(event: CommitNews | CacheEvent): void } | undefined
  /** Live queries: their commands, and what tells them that the engine is dead. */
  readonly live = new Set<{ readonly command: string; die(error: TidewellError): void }>()
  /** Syncing, while it is on. */
  sync: { hear(event: SyncEvent): void } | undefined
  readonly #listeners: { [E in EventName]: Set<Listener<E>> } = {
    'storage-lost': new Set(),
    quota: new Set(),
    blocked: new Set(),
    fault: new Set(),
    commit: new Set(),
    progress: new Set(),
    error: new Set(),
  }

  /** Adds a listener; the answer removes it. */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    const listeners = this.#listeners[event] as Set<Listener<E>> | undefined
    if (listeners === undefined) return () => undefined
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** The engine is dead: it cannot tell its live queries any more. */
  die(error: TidewellError): void {
    this.emit('error', error)
    for (const query of this.live) query.die(error)
  }

  /** Whether `event` is one. */
  knows(event: string): boolean {
    return Object.hasOwn(this.#listeners, event)
  }

  /** Whether anybody listens to `event`. */
  listens(event: EventName): boolean {
    return this.#listeners[event].size > 0
  }

  /** Tells every listener of `event`. */
  emit<E extends EventName>(event: E, detail: DatabaseEvents[E]): void {
    for (const listener of [...this.#listeners[event]]) callSafely(listener, detail)
  }
}

/** Calls an application's callback; what it throws is reported as the host reports uncaught errors. */
export function callSafely<A>(callback: (argument: A) => void, argument: A): void {
  try {
    callback(argument)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
