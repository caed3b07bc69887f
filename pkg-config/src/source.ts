/** Streams of bytes in: what a host calls a stream, read without naming its types. */
import { invalid } from './errors.js'
import type { ImportSource } from './transfer.js'

/** The bytes of any source, chunk by chunk. `what` is asked for them, in messages. */
export async function* chunksOf(source: ImportSource, what = 'import'): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder()
  const bytes = (chunk: unknown): Uint8Array => {
    if (typeof chunk === 'string') return encoder.encode(chunk)
    if (chunk instanceof Uint8Array) return chunk
    throw invalid(`${what}: a chunk must be a Uint8Array or a string, got ${chunk === null ? 'null' : typeof chunk}`)
  }
  if (typeof source === 'string' || source instanceof Uint8Array) yield bytes(source)
  else if (typeof source !== 'object' || source === null)
    throw invalid(`${what}: give bytes, text, a stream, a Blob or an iterable of chunks`)
  else if (Symbol.asyncIterator in source || Symbol.iterator in source)
    for await (const chunk of source) yield bytes(chunk)
  else if ('getReader' in source) for await (const chunk of readAll(source.getReader())) yield bytes(chunk)
  else if ('stream' in source) yield* chunksOf(source.stream() as ImportSource, what)
  else throw invalid(`${what}: this object is no stream, Blob or iterable of chunks`)
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
