/**
 * Everything a page and its engine's worker say to each other. Messages travel in arrays: what is sent in one task shares one
 * `postMessage`. Documents travel as JSON text, backups as transferred bytes.
 */
import type { Answer, BackendEvent, BackendOptions } from '../backend.js'
import type { WireError } from '../errors.js'
import type { WireAnalyzer } from '../search/declaration.js'
import type { Durability, StorageInfo } from '../types/options.js'

/** From the page. `id` numbers what is to be answered. */
export type Request =
  | { readonly kind: 'open'; readonly id: number; readonly name: string; readonly options: BackendOptions }
  | { readonly kind: 'get'; readonly id: number; readonly collection: string; readonly key: string }
  | { readonly kind: 'read'; readonly id: number; readonly command: string }
  | { readonly kind: 'execute'; readonly id: number; readonly command: string }
  | {
      readonly kind: 'write'
      readonly id: number
      readonly operation: 'insert' | 'put'
      readonly collection: string
      readonly documents: string
      readonly version: number | undefined
      readonly durability: Durability
    }
  | { readonly kind: 'subscribe'; readonly id: number; readonly command: string }
  | { readonly kind: 'unsubscribe'; readonly subscription: number }
  | { readonly kind: 'analyzers'; readonly id: number; readonly analyzers: readonly WireAnalyzer[] }
  | { readonly kind: 'rehearse'; readonly id: number; readonly faults: string; readonly latencyMs: number }
  | { readonly kind: 'export'; readonly id: number }
  | { readonly kind: 'next'; readonly id: number; readonly stream: number }
  | { readonly kind: 'stop'; readonly stream: number }
  | { readonly kind: 'import'; readonly id: number }
  | { readonly kind: 'push'; readonly id: number; readonly stream: number; readonly chunk: Uint8Array }
  | { readonly kind: 'finish'; readonly id: number; readonly stream: number }
  | { readonly kind: 'close'; readonly id: number }

/** From the worker. */
export type Reply =
  /** `get`, `read`, `execute`, `write`, `finish`; null is a document that does not exist. */
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer | null }
  /** `open`. `lock` is a Web Lock that the worker holds as long as it lives; null where there are none. */
  | {
      readonly kind: 'opened'
      readonly id: number
      readonly storage: StorageInfo['kind']
      readonly lock: string | null
    }
  /** `export` and `import`: the stream's number; `push`, `analyzers`, `rehearse`, `close`: 0. `subscribe`: done, after its first event. */
  | { readonly kind: 'done'; readonly id: number; readonly stream: number }
  /** `next`; null at the end. */
  | { readonly kind: 'chunk'; readonly id: number; readonly chunk: Uint8Array | null }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError }
  /** An event of the live query that was subscribed by request `subscription`. */
  | { readonly kind: 'live'; readonly subscription: number; readonly event: Answer }
  | { readonly kind: 'event'; readonly event: BackendEvent }

/** What is used of a `Worker`, of the scope inside one, and of a `MessagePort`. */
export interface Port<Out, In> {
  post(messages: readonly Out[], transfer: readonly ArrayBuffer[]): void
  listen(receive: (messages: readonly In[]) => void): void
}

/** Collects messages and posts them together when the current task's microtasks are through. */
export class Outbox<Out> {
  readonly #port: Pick<Port<Out, never>, 'post'>
  #messages: Out[] = []
  #transfer: ArrayBuffer[] = []

  constructor(port: Pick<Port<Out, never>, 'post'>) {
    this.#port = port
  }

  /** Sends a message with the rest of this task's. Buffers in `transfer` are gone here afterwards. */
  send(message: Out, transfer?: ArrayBuffer): void {
    if (this.#messages.push(message) === 1) queueMicrotask(() => this.flush())
    if (transfer !== undefined) this.#transfer.push(transfer)
  }

  /** Sends what is waiting now. */
  flush(): void {
    if (this.#messages.length === 0) return
    const messages = this.#messages
    const transfer = this.#transfer
    this.#messages = []
    this.#transfer = []
    this.#port.post(messages, transfer)
  }
}
