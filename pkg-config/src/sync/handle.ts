/**
 * Syncing as the application holds it. The code behind it is a chunk of its own: pages that do not sync do not download it. So what may be
 * called is declared in `types.ts`, and done in `runner.ts`.
 */
import { notLoaded, toError } from '../errors.js'
import { callSafely, type EventHub } from '../events.js'
import type { Session } from '../session.js'
import type { Runner } from './runner.js'
import type { Sync, SyncOptions, SyncStatus } from './types.js'

const FIRST: SyncStatus = {
  state: 'connecting',
  here: false,
  pending: 0,
  letters: 0,
  lastError: undefined,
  progress: undefined,
  version: undefined,
}

/** @internal */
export class SyncHandle implements Sync {
  status = FIRST
  readonly ready: Promise<void>
  readonly #runner: Promise<Runner>
  readonly #listeners = new Set<(status: SyncStatus) => void>()
  readonly #signal: SyncOptions['signal']
  #stopping: Promise<void> | undefined

  constructor(database: string, session: Session, hub: EventHub, before: SyncHandle | undefined, options: SyncOptions) {
    this.#runner = Promise.all([import('./runner.js').catch(notLoaded), before?.stop()]).then(([{ Runner }]) =>
      Runner.start({ database, session, hub }, options, (status) => this.#show(status)),
    )
    this.ready = this.#runner.then((runner) => runner.ready)
    this.#runner.catch((error: unknown) => hub.emit('error', toError(error)))
    // It has ended by itself then, and another may begin.
    this.ready.catch(() => this.stop())
    this.#signal = options?.signal
    if (this.#signal?.aborted === true) void this.stop()
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = () => void this.stop()

  get isStopped(): boolean {
    return this.#stopping !== undefined
  }

  #show(status: SyncStatus): void {
    this.status = status
    for (const listener of [...this.#listeners]) callSafely(listener, status)
  }

  subscribe(listener: (status: SyncStatus) => void): () => void {
    const own = (status: SyncStatus) => listener(status)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  stop(options?: { readonly forget?: boolean | undefined }): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    const forget = options?.forget === true
    if (this.#stopping === undefined || forget)
      this.#stopping = this.#runner.then(
        (runner) => runner.stop(forget),
        () => undefined,
      )
    return this.#stopping
  }

  async now(...args: Parameters<Sync['now']>) {
    return (await this.#runner).now(...args)
  }

  async setToken(token: string) {
    return (await this.#runner).setToken(token)
  }

  async outbox(...args: Parameters<Sync['outbox']>) {
    return (await this.#runner).outbox(...args)
  }

  async deadLetters(...args: Parameters<Sync['deadLetters']>) {
    return (await this.#runner).deadLetters(...args)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
