/**
 * Requests to the server: with a token, a deadline and a limit, large bodies compressed. It knows routes and statuses, not what bodies
 * mean, and never tries again by itself, but for a token that has run out.
 */
import { untilAborted } from '../abort.js'
import { TidewellError, toError } from '../errors.js'
import { openSocket } from './socket.js'
import type { SyncOptions } from './types.js'

/** What became of a request. */
export type Reply =
  | { readonly kind: 'answer'; readonly body: string }
  | { readonly kind: 'failed'; readonly error: TidewellError; readonly after: number | undefined; readonly why: Why }

/** Whether it was too much at once: by its time, or by its bytes. */
export type Why = 'timeout' | 'too-large' | undefined

/** The answer that the protocol has for a refused token: whoever refuses may not speak the protocol. */
const AUTH: Reply = { kind: 'answer', body: '{"v":1,"kind":"auth"}' }
/** What failures say of how much was sent. A server or proxy that has waited for a body, or for what is done with it, is late as well. */
const WHY: Readonly<Record<string, Why>> = {
  timeout: 'timeout',
  'http-408': 'timeout',
  'http-504': 'timeout',
  // What is asked for, not a write of this device.
  'answer-too-large': 'timeout',
  'http-413': 'too-large',
}
/** Bodies from here on are compressed. */
const COMPRESS_FROM = 4096
/** The longest answer that is read, in bytes: twice what the protocol allows. */
const ANSWER_MAX = 16 * 1024 * 1024

/** The token, and where it comes from. */
export class Tokens {
  #current: string | undefined
  #refused: string | undefined
  #fetching: Promise<string | undefined> | undefined
  readonly #source: SyncOptions['getToken']
  readonly #deadline: number

  constructor({ token, getToken }: SyncOptions, deadline: number) {
    this.#current = token
    this.#source = getToken
    this.#deadline = deadline
  }

  /** Whether there is somebody to ask for another. */
  get isRenewable(): boolean {
    return this.#source !== undefined
  }

  /** The application has another. */
  set(token: string): void {
    this.#current = token
  }

  /** The token; undefined if there is none to be had. */
  get(): Promise<string | undefined> {
    if (this.#current !== undefined) return Promise.resolve(this.#current)
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined))
    return this.#fetching
  }

  /** The server refused this one. */
  refuse(token: string): void {
    if (this.#current !== token || this.#source === undefined) return
    this.#refused = token
    this.#current = undefined
  }

  async #fetch(): Promise<string | undefined> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.#deadline)
    try {
      const given = await Promise.race([
        this.#source?.({ refused: this.#refused, signal: late.signal }),
        new Promise<never>((_, reject) =>
          late.signal.addEventListener('abort', () => reject(failure('getToken took too long', 'timeout'))),
        ),
      ])
      // Set meanwhile by the application: that one is newer.
      if (typeof given === 'string' && given !== '') this.#current ??= given
      return this.#current
    } finally {
      clearTimeout(timer)
    }
  }
}

/** How a server is talked to. */
export interface TransportOptions {
  /** Its address without a slash at its end. */
  readonly url: string
  readonly deadline: number
  /** A live connection that is silent for longer is taken for dead. */
  readonly silence: number
  /** Whether there is one, and whether a WebSocket is tried first. */
  readonly live: boolean | 'websocket'
}

/** A server says something so many times before it is taken for dead. */
const SIGNS = 3

/** Sends requests. */
export class Transport {
  readonly #url: string
  readonly #tokens: Tokens
  readonly #deadline: number
  /** How often a WebSocket's server is asked for a sign of life; undefined for a stream. */
  readonly #ping: number | undefined

  constructor({ url, deadline, silence, live }: TransportOptions, tokens: Tokens) {
    this.#url = url
    this.#tokens = tokens
    this.#deadline = deadline
    this.#ping = live === 'websocket' ? silence / SIGNS : undefined
  }

  /** A push or pull. `sure` is awaited just before anything is sent, and may fire the signal. Never rejects. */
  async post(kind: 'push' | 'pull', body: string, signal: AbortSignal, sure?: () => Promise<void>): Promise<Reply> {
    const limit = limited(signal, this.#deadline)
    try {
      const packed = await pack(body)
      const response = await this.#authorized(async (token) => {
        // It asks the browser for its locks: if that does not answer, it is too late as well.
        if (sure !== undefined) await untilAborted(sure(), limit.signal)
        return this.#send(kind, token, packed, limit.signal)
      })
      // A body whose end was on its way when the signal fired never ends in Node 20.
      return response === undefined ? AUTH : await untilAborted(reply(response), limit.signal)
    } catch (thrown) {
      if (limit.isLate())
        return failed(failure(`the server did not answer within ${this.#deadline} ms`, 'timeout', thrown))
      const known = thrown instanceof TidewellError ? thrown : undefined
      return failed(known ?? failure(`the server cannot be reached: ${toError(thrown).message}`, 'network', thrown))
    } finally {
      limit.end()
    }
  }

  /** Opens the live stream; undefined if the token is refused. Rejects if there is no connection. */
  async listen(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    const token = await this.#tokens.get()
    if (token === undefined) return undefined
    return (await this.#socket(token, signal)) ?? (await this.#stream(token, signal))
  }

  async #socket(token: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    if (this.#ping === undefined) return undefined
    const expired = () => this.#tokens.refuse(token)
    return openSocket({ url: this.#url, token, ping: this.#ping, signal, expired })
  }

  async #stream(token: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' }
    const response = await fetch(`${this.#url}/v1/live`, { headers, signal, cache: 'no-store', credentials: 'omit' })
    if (response.status === 401) this.#tokens.refuse(token)
    if (response.ok && response.body !== null) return response.body
    void response.body?.cancel()
    if (response.status === 401) return undefined
    throw failure(`the server answered ${response.status}`, `http-${response.status}`)
  }

  /** Sends with the token, and once more with another one if that is refused; undefined if there is none, or it is refused as well. */
  async #authorized(send: (token: string) => Promise<Response>): Promise<Response | undefined> {
    let refused: string | undefined
    for (let attempt = 0; attempt < 2; attempt++) {
      const token = await this.#tokens.get()
      if (token === undefined || token === refused) return undefined
      const response = await send(token)
      if (response.status !== 401) return response
      void response.body?.cancel()
      this.#tokens.refuse(token)
      refused = token
    }
    return undefined
  }

  #send(kind: string, token: string, { bytes, encoding }: Packed, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    if (encoding !== undefined) headers['content-encoding'] = encoding
    return fetch(`${this.#url}/v1/${kind}`, {
      method: 'POST',
      headers,
      body: bytes,
      signal,
      cache: 'no-store',
      credentials: 'omit',
    })
  }
}

/** A signal that fires with another one, or when it is too late. */
function limited(signal: AbortSignal, ms: number) {
  const own = new AbortController()
  let late = false
  const stop = () => own.abort()
  const timer = setTimeout(() => {
    late = true
    stop()
  }, ms)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return {
    signal: own.signal,
    isLate: () => late,
    end: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    },
  }
}

interface Packed {
  readonly bytes: string | ArrayBuffer
  readonly encoding: string | undefined
}

async function pack(body: string): Promise<Packed> {
  if (body.length < COMPRESS_FROM || typeof CompressionStream === 'undefined')
    return { bytes: body, encoding: undefined }
  const packed = new Blob([body]).stream().pipeThrough(new CompressionStream('gzip'))
  return { bytes: await new Response(packed).arrayBuffer(), encoding: 'gzip' }
}

async function reply(response: Response): Promise<Reply> {
  const body = await textOf(response)
  if (response.ok) return { kind: 'answer', body }
  const { kind, message } = saidIn(body)
  // A server of the protocol says by itself how long it wants to be left alone.
  if (response.status === 503 && kind === 'retry') return { kind: 'answer', body }
  const after = retryAfter(response.headers.get('retry-after'))
  const reason = `http-${response.status}`
  return failed(failure(`the server answered ${response.status}${message === '' ? '' : `: ${message}`}`, reason), after)
}

/** The body, read to its end; rejects if it is cut off or too long. */
async function textOf(response: Response): Promise<string> {
  if (response.body === null) return ''
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let [text, bytes] = ['', 0]
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > ANSWER_MAX) {
      await reader.cancel()
      throw failure(`the server's answer is longer than ${ANSWER_MAX} bytes`, 'answer-too-large')
    }
    text += decoder.decode(value, { stream: true })
  }
}

function saidIn(body: string): { kind: unknown; message: string } {
  try {
    const { kind, error } = JSON.parse(body) as { kind?: unknown; error?: { message?: unknown } }
    return { kind, message: typeof error?.message === 'string' ? error.message.slice(0, 300) : '' }
  } catch {
    return { kind: undefined, message: '' }
  }
}

/** Milliseconds of a `Retry-After`: seconds, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? Math.round(ms) : undefined
}

function failure(message: string, reason: string, cause?: unknown): TidewellError {
  return new TidewellError('unavailable', `sync: ${message}`, { reason, cause })
}

function failed(error: TidewellError, after?: number): Reply {
  return { kind: 'failed', error, after, why: WHY[error.reason ?? ''] }
}
