/** Has the service worker woken when something waits and this page cannot send it: where the browser has background sync. */
import type { SyncStatus } from './types.js'

interface SyncManager {
  register(tag: string): Promise<void>
}

/** Registers a tag whenever something begins to wait that may outlive the page. */
export class Background {
  readonly #tag: string | undefined
  #isRegistered = false
  #status: SyncStatus | undefined
  readonly #document: Document | undefined = globalThis.document

  constructor(tag: string | undefined) {
    this.#tag = tag
    if (tag !== undefined) this.#document?.addEventListener('visibilitychange', this.#look)
  }

  /** How syncing stands. */
  note(status: SyncStatus): void {
    this.#status = status
    if (status.pending === 0) this.#isRegistered = false
    else this.#look()
  }

  stop(): void {
    this.#document?.removeEventListener('visibilitychange', this.#look)
  }

  readonly #look = () => {
    const { pending, state } = this.#status ?? { pending: 0, state: 'offline' }
    const isHidden = this.#document?.visibilityState === 'hidden'
    if (this.#tag === undefined || this.#isRegistered || pending === 0 || (state !== 'offline' && !isHidden)) return
    this.#isRegistered = true
    this.#register(this.#tag).catch(() => (this.#isRegistered = false))
  }

  async #register(tag: string): Promise<void> {
    const { serviceWorker } = (globalThis.navigator ?? {}) as { serviceWorker?: ServiceWorkerContainer }
    const registration = (await serviceWorker?.ready) as { readonly sync?: SyncManager } | undefined
    await registration?.sync?.register(tag)
  }
}
