/** The body of a request, unpacked, and not more of it than a message may have. */

/** The most bytes of a message, as in `src/core/sync/limits.rs`. */
const MESSAGE_MAX = 8 << 20

/** A request that is refused, and why. */
export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** The bytes of the body. Throws {@link Refused}: 413, 415, 400. */
export async function bodyOf(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = request.headers.get('content-encoding') ?? 'identity'
  if (request.body === null) return new Uint8Array()
  if (encoding === 'identity') return read(request.body)
  if (encoding !== 'gzip') throw new Refused(415, 'encoding', `bodies are plain or gzip, not '${encoding}'`)
  try {
    return await read(request.body.pipeThrough(new DecompressionStream('gzip')))
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(400, 'invalid', 'the body is no gzip')
  }
}

async function read(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > MESSAGE_MAX) {
      await letGo(reader)
      throw new Refused(413, 'too-large', `a message has at most ${MESSAGE_MAX} bytes`)
    }
    chunks.push(value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** Reads on for a while and forgets it: who is cut off in the middle of sending does not get to see why. */
export async function letGo(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    for (let length = 0; length <= MESSAGE_MAX;) {
      const { done, value } = await reader.read()
      if (done) return
      length += value.length
    }
    await reader.cancel()
  } catch {
    // The sender is gone, or what came was no gzip: either way there is nothing left to read.
  }
}
