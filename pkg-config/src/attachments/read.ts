/** Reading the bytes of an attachment, chunk by chunk, and believing them only if they are all there and what was put. */
import { TidewellError } from '../errors.js'
import type { Signal } from '../types/signal.js'
import { chunkId } from './names.js'
import { type Files, type Head, headOf } from './records.js'
import { Sha256 } from './sha256.js'

/** Its bytes. While one chunk is taken, the next is read. */
export async function* bytesOf(
  files: Files['files'],
  head: Head,
  options: { readonly signal?: Signal | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = new Sha256()
  let size = 0
  const read = (at: number) => {
    if (at >= head.chunks) return undefined
    const chunk = files.get(chunkId(head.generation, at), options)
    chunk.catch(() => undefined)
    return chunk
  }
  let next = read(0)
  for (let at = 0; at < head.chunks; at++) {
    const chunk = await next
    if (chunk === null || chunk === undefined) throw await missing(files, head)
    next = read(at + 1)
    const { bytes } = chunk
    if (!(bytes instanceof Uint8Array)) throw damaged(head)
    size += bytes.length
    if (size > head.size) throw damaged(head)
    hash.update(bytes)
    yield bytes
  }
  if (size !== head.size || hash.hex() !== head.digest) throw damaged(head)
}

/** All of them as one array. */
export async function collected(head: Head, chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes = new Uint8Array(head.size)
  let filled = 0
  for await (const chunk of chunks) {
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  return bytes
}

/** Whether an error says that another was put meanwhile. */
export function replaced(error: unknown): boolean {
  return error instanceof TidewellError && error.reason === 'replaced'
}

async function missing(files: Files['files'], head: Head): Promise<TidewellError> {
  const now = await headOf(files, head.id)
  if (now?.generation !== head.generation)
    return new TidewellError('conflict', `the attachment ${JSON.stringify(head.name)} is another now: read it again`, {
      reason: 'replaced',
    })
  const message = `not all of the attachment ${JSON.stringify(head.name)} has arrived: try again later`
  return new TidewellError('unavailable', message, { reason: 'incomplete' })
}

function damaged(head: Head): TidewellError {
  const message = `the attachment ${JSON.stringify(head.name)} is not what was put: put it again`
  return new TidewellError('corrupt', message, { reason: 'digest' })
}
