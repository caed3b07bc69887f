/**
 * The live stream: the server tells that it has reached a version. Only a hint, so nothing depends on its coming; a stream that says
 * nothing for too long is taken for dead and opened anew.
 */
import type { Transport } from './transport.js'

const WAIT_MIN_MS = 500
const WAIT_MAX_MS = 30_000
/** Of a line that is longer nothing is a version. */
const LINE_MAX = 1024

/** Who listens. */
export interface NewsListener {
  /** Whether nothing is to be sent for now: nobody knocks then either. */
  isPaused(): boolean
  /** The server has reached a version; 0 says that some were missed. */
  tell(version: number): void
}

/** Listens to one server. */
export class News {
  readonly #transport: Transport
  readonly #silence: number
  readonly #listener: NewsListener
  #waking: () => void = () => undefined

  constructor(transport: Transport, silence: number, listener: NewsListener) {
    this.#transport = transport
    this.#silence = silence
    this.#listener = listener
  }

  /** Listens until the signal fires. */
  async listen(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      // A connection that brought something was none that failed.
      if (!this.#listener.isPaused() && (await this.#once(signal))) failures = 0
      if (signal.aborted) return
      await this.#pause(Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** Math.min(failures, 10)), signal)
    }
  }

  /** The server can be reached again: no reason to wait. */
  wake(): void {
    this.#waking()
  }

  /** One connection, to its end. Resolves with whether anything came. */
  async #once(signal: AbortSignal): Promise<boolean> {
    const own = new AbortController()
    const stop = () => own.abort()
    signal.addEventListener('abort', stop, { once: true })
    let watch = setTimeout(stop, this.#silence)
    let some = false
    try {
      const reader = (await this.#transport.listen(own.signal))?.getReader()
      const decoder = new TextDecoder()
      for (let line = ''; reader !== undefined;) {
        const { value, done } = await reader.read()
        if (done) break
        clearTimeout(watch)
        watch = setTimeout(stop, this.#silence)
        some = true
        const lines = (line + decoder.decode(value, { stream: true })).split('\n')
        line = (lines.pop() ?? '').slice(0, LINE_MAX)
        for (const whole of lines) this.#read(whole)
      }
    } catch {
      // The connection is gone, or never was: opened anew.
    } finally {
      clearTimeout(watch)
      signal.removeEventListener('abort', stop)
      own.abort()
    }
    return some
  }

  #read(line: string): void {
    const version = /^data: ?(\d{1,16})\r?$/.exec(line)?.[1]
    if (version !== undefined) this.#listener.tell(Number(version))
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', go)
        this.#waking = () => undefined
        resolve()
      }
      const timer = setTimeout(go, ms * (0.5 + Math.random() / 2))
      signal.addEventListener('abort', go, { once: true })
      this.#waking = go
    })
  }
}
