/**
 * The live connection as a WebSocket, for servers that sleep while theirs are open. It brings what the stream of events brings, in its
 * form. It is tried only: whoever gets none takes the stream.
 */

import { EXPIRED, PING } from './live_words.js'

/** One that is not open after so long will not be: whatever is in between does not know them. */
const OPEN_MS = 10_000
const utf8 = new TextEncoder()

/** Where to, and who is told. */
export interface SocketCall {
  /** The server's address, beginning with `http`. */
  readonly url: string
  readonly token: string
  /** How often the server is asked for a sign of life, in milliseconds. */
  readonly ping: number
  readonly signal: AbortSignal
  /** The token has expired. */
  expired(): void
}

/** Opens one; undefined if there is none to be had. */
export function openSocket({
  url,
  token,
  ping,
  signal,
  expired,
}: SocketCall): Promise<ReadableStream<Uint8Array> | undefined> {
  let socket: WebSocket
  try {
    socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/live`, ['tidewell', `bearer.${token}`])
  } catch {
    // This runtime has none, a page may not open it, or the token is none that fits there.
    return Promise.resolve(undefined)
  }
  return new Promise((resolve) => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    let isOver = false
    const end = () => {
      // Closing one that is not open yet is told as an error, in some runtimes before it returns.
      if (isOver) return
      isOver = true
      clearTimeout(late)
      clearInterval(pings)
      signal.removeEventListener('abort', end)
      socket.close()
      resolve(undefined)
      controller?.close()
      controller = undefined
    }
    // Before whoever listens gives up: there is time for the stream.
    const late = setTimeout(end, Math.min(OPEN_MS, ping))
    const pings = setInterval(() => {
      if (socket.readyState === socket.OPEN) socket.send(PING)
    }, ping)
    socket.addEventListener('open', () => {
      if (signal.aborted) return end()
      clearTimeout(late)
      const cancel = () => {
        controller = undefined
        end()
      }
      resolve(new ReadableStream({ start: (own) => void (controller = own), cancel }))
    })
    socket.addEventListener('message', ({ data }) => controller?.enqueue(utf8.encode(lineOf(data))))
    socket.addEventListener('error', end)
    socket.addEventListener('close', ({ code }) => {
      if (code === EXPIRED) expired()
      end()
    })
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}

/** A version as an event's line; anything else is a comment: a sign of life. */
function lineOf(data: unknown): string {
  return typeof data === 'string' && /^\d{1,16}$/.test(data) ? `data: ${data}\n` : ':\n'
}
