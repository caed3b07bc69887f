/**
 * News for live clients: that a tenant has reached a version, and nothing else. Only a hint: what a client gets comes from a pull.
 * Streams are server-sent events, which keep the object in memory while they are open; WebSockets let it hibernate.
 */
import { EXPIRED, PING, PONG } from '../sync/live_words.js'

/** So that nobody in between takes the stream for dead. */
const KEEP_ALIVE_MS = 15_000
/** Who has not read so many events is let go of; it comes again. */
const UNREAD_MAX = 64
/** The longest timer of a host. */
const TIMER_MAX_MS = 2 ** 31 - 1
const utf8 = new TextEncoder()

/** A WebSocket that the platform keeps, as far as it is used. */
export interface KeptSocket {
  send(text: string): void
  close(code?: number, reason?: string): void
  serializeAttachment(value: unknown): void
  deserializeAttachment(): unknown
}

/** Who keeps them: `ctx` of an object. */
export interface SocketKeeper {
  acceptWebSocket(socket: KeptSocket): void
  getWebSockets(): KeptSocket[]
  setWebSocketAutoResponse(pair: object): void
}

interface Stream {
  tell(version: number): void
  end(): void
}

/** The listeners of one tenant. */
export class Live {
  readonly #streams = new Set<Stream>()
  readonly #keeper: SocketKeeper

  constructor(keeper: SocketKeeper) {
    this.#keeper = keeper
    const { WebSocketRequestResponsePair: Pair } = globalThis as unknown as {
      WebSocketRequestResponsePair: new (said: string, answered: string) => object
    }
    keeper.setWebSocketAutoResponse(new Pair(PING, PONG))
  }

  /** Tells all that the tenant has reached a version. */
  tell(version: number): void {
    for (const stream of this.#streams) stream.tell(version)
    for (const socket of this.#keeper.getWebSockets()) if (!ended(socket)) quietly(() => socket.send(String(version)))
  }

  /** The stream of events, until the token expires (seconds since 1970). */
  stream(version: number, expires: number): Response {
    let timers: { alive: ReturnType<typeof setInterval>; over: ReturnType<typeof setTimeout> } | undefined
    let stream: Stream
    const leave = () => {
      this.#streams.delete(stream)
      clearInterval(timers?.alive)
      clearTimeout(timers?.over)
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const end = () => {
          leave()
          controller.close()
        }
        const write = (text: string) => {
          if ((controller.desiredSize ?? 0) < -UNREAD_MAX) end()
          else controller.enqueue(utf8.encode(text))
        }
        stream = { tell: (reached) => write(`event: version\ndata: ${reached}\n\n`), end }
        this.#streams.add(stream)
        stream.tell(version)
        timers = {
          alive: setInterval(() => write(':\n\n'), KEEP_ALIVE_MS),
          over: setTimeout(end, Math.min(TIMER_MAX_MS, Math.max(0, expires * 1000 - Date.now()))),
        }
      },
      cancel: leave,
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
  }

  /** A WebSocket that is told the same, as text: the version. Until the token expires. */
  socket(version: number, expires: number): Response {
    const { WebSocketPair: Pair } = globalThis as unknown as { WebSocketPair: new () => [WebSocket, WebSocket] }
    const { 0: client, 1: server } = new Pair()
    const kept = server as unknown as KeptSocket
    this.#keeper.acceptWebSocket(kept)
    kept.serializeAttachment({ expires })
    kept.send(String(version))
    const init = { status: 101, webSocket: client, headers: { 'sec-websocket-protocol': 'tidewell' } }
    return new Response(null, init as ResponseInit)
  }

  /** Ends the connection of a client that goes. */
  leave(socket: KeptSocket): void {
    quietly(() => socket.close())
  }

  /** Ends what has expired. Answers when the next one does, in milliseconds since 1970. */
  expire(): number | undefined {
    const left = this.#keeper.getWebSockets().filter((socket) => !ended(socket))
    return left.length === 0 ? undefined : Math.min(...left.map(expiryOf)) * 1000
  }
}

function expiryOf(socket: KeptSocket): number {
  const { expires } = (socket.deserializeAttachment() ?? {}) as { expires?: unknown }
  return typeof expires === 'number' ? expires : 0
}

/** Closes a socket whose token has expired; answers whether. */
function ended(socket: KeptSocket): boolean {
  if (expiryOf(socket) * 1000 > Date.now()) return false
  quietly(() => socket.close(EXPIRED, 'the token has expired'))
  return true
}

/** A socket that is being closed from the other side throws: it has no more to hear. */
function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // It comes again.
  }
}
