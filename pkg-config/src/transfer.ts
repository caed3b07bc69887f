/** Streams of bytes in and out: what a host calls a stream, read and made without naming its types. */
import { throwIfAborted } from './abort.js'
import { invalid } from './errors.js'
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

/** The bytes of any source, chunk by chunk. */
export async function* chunksOf(source: ImportSource): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder()
  const bytes = (chunk: unknown): Uint8Array => {
    if (typeof chunk === 'string') return encoder.encode(chunk)
    if (chunk instanceof Uint8Array) return chunk
    throw invalid(`import: a chunk must be a Uint8Array or a string, got ${chunk === null ? 'null' : typeof chunk}`)
  }
  if (typeof source === 'string' || source instanceof Uint8Array) yield bytes(source)
  else if (typeof source !== 'object' || source === null)
    throw invalid('import: give a backup as bytes, text, a stream, a Blob or an iterable of chunks')
  else if (Symbol.asyncIterator in source || Symbol.iterator in source)
    for await (const chunk of source) yield bytes(chunk)
  else if ('getReader' in source) for await (const chunk of readAll(source.getReader())) yield bytes(chunk)
  else if ('stream' in source) yield* chunksOf(source.stream() as ImportSource)
  else throw invalid('import: this object is no stream, Blob or iterable of chunks')
}

interface Reader {
  read(): Promise<{ done: boolean; value?: unknown }>
  releaseLock(): void
}

async function* readAll(reader: Reader): AsyncGenerator<unknown, void, undefined> {
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value
  } finally {
    reader.releaseLock()
  }
}
