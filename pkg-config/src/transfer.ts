/** Streams of bytes out: what a host calls a stream, made without naming its types. Reading them is in `source.ts`. */
import { throwIfAborted } from './abort.js'
import type { ByteStream, Signal } from './types/signal.js'

/** A backup being read: an async iterable of bytes, once. */
export interface ExportStream extends AsyncIterable<Uint8Array> {
  /** The backup as the host's `ReadableStream`: for `new Response(…)`, `pipeTo`, a file writer. */
  stream(): ByteStream
}

/** What can be read from: bytes or text, whole or in chunks; a `ReadableStream`, `Blob`, `File` or `Response` body. */
export type ImportSource =
  | Uint8Array
  | string
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>
  | {
      getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | string | undefined }>; releaseLock(): void }
    }
  | { stream(): object }

/** Wraps the chunks of a backup. */
export function exportStream(
  chunks: () => AsyncIterableIterator<Uint8Array>,
  signal: Signal | undefined,
): ExportStream {
  const iterate = () => checked(chunks(), signal)
  return {
    [Symbol.asyncIterator]: iterate,
    stream: () => {
      const iterator = iterate()
      return new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          const { value, done } = await iterator.next()
          if (done === true) controller.close()
          else controller.enqueue(value)
        },
        cancel: async () => {
          await iterator.return()
        },
      }) as ByteStream
    },
  }
}

async function* checked(
  chunks: AsyncIterableIterator<Uint8Array>,
  signal: Signal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    throwIfAborted(signal)
    yield chunk
  }
}
