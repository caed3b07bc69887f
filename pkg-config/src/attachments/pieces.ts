/** Pieces of one size out of a source of bytes, whatever its chunks are. At most two pieces are in memory. */
import { throwIfAborted, untilAborted } from '../abort.js'
import type { Seldom } from '../later.js'
import type { Signal } from '../types/signal.js'
import type { AttachmentSource } from './types.js'

/** The source in pieces of `size` bytes; the last may be shorter. */
export async function* pieces(
  { chunksOf }: Seldom,
  source: AttachmentSource,
  size: number,
  signal: Signal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let piece: Uint8Array | undefined
  let filled = 0
  for await (const chunk of read(chunksOf, source, signal)) {
    for (let at = 0; at < chunk.length;) {
      piece ??= new Uint8Array(size)
      const part = chunk.subarray(at, at + size - filled)
      piece.set(part, filled)
      at += part.length
      filled += part.length
      if (filled < size) continue
      yield piece
      piece = undefined
      filled = 0
    }
  }
  if (piece !== undefined) yield piece.subarray(0, filled)
}

/** Its chunks; a source that says nothing more does not keep a signal waiting. */
async function* read(
  chunksOf: Seldom['chunksOf'],
  source: AttachmentSource,
  signal: Signal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(signal)
  const bytes = source instanceof ArrayBuffer ? new Uint8Array(source) : source
  const chunks = chunksOf(bytes, 'put')
  try {
    for (;;) {
      const step = await untilAborted(chunks.next(), signal)
      if (step.done === true) return
      yield step.value
    }
  } finally {
    // Not waited for: it waits for the source, which may never answer.
    chunks.return().catch(() => undefined)
  }
}
