/** Stand-ins for types of the host, so that the declarations compile without DOM or Node types. */

/** What is used of an `AbortSignal`. */
export interface Signal {
  /** Whether it has fired. */
  readonly aborted: boolean
  /** Why. */
  readonly reason?: unknown
  /** Calls `listener` when it fires. */
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  /** Undoes {@link Signal.addEventListener}. */
  removeEventListener(type: 'abort', listener: () => void): void
}

/** The host's `ReadableStream`, where its types are there. */
export type ByteStream = typeof globalThis extends { ReadableStream: { prototype: infer Stream } } ? Stream : object

/** The host's `AbortSignal`, where its types are there: what is handed on to `fetch` and the like. */
export type HostSignal = typeof globalThis extends { AbortSignal: { prototype: infer Host } } ? Host : Signal

/** The host's `Blob`, where its types are there. */
export type HostBlob = typeof globalThis extends { Blob: { prototype: infer Host } } ? Host : object
