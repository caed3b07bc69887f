/** Giving the thread back in the middle of work that is long. */

/** Work in one go, at most, but for a single call of a function. */
const BREATH_MS = 4

/** Most calls between two looks at the clock, and milliseconds that they may come to: a look costs as much as a short function. */
const UNLOOKED_MAX = 16
const UNLOOKED_MS = 0.25

/** Gives the thread back once it was held for long enough. */
export class Breath {
  #since = performance.now()
  #looked = this.#since
  #calls = 0
  #every = 1

  /** Resolves after other work of the page had its turn, if it is time; undefined if not. */
  due(): Promise<void> | undefined {
    this.#calls += 1
    if (this.#calls < this.#every) return undefined
    const now = performance.now()
    // Twice as many where they took no time, none unlooked where one of them took long.
    const fits = (this.#calls * UNLOOKED_MS) / (now - this.#looked)
    this.#every = Math.max(1, Math.min(this.#every * 2, UNLOOKED_MAX, Math.floor(fits)))
    this.#looked = now
    this.#calls = 0
    return now - this.#since < BREATH_MS ? undefined : this.#take()
  }

  async #take(): Promise<void> {
    await laterTask()
    this.#since = performance.now()
    this.#looked = this.#since
  }
}

/**
 * Resolves in a task behind those that wait, as the engine's own breaths do. Not `scheduler.yield`: what goes on after it goes before the
 * page's frames, in Chromium until they were held up for 100 ms. Not a timer where there is
 * anything else: nested ones are slowed to 4 ms.
 */
function laterTask(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void }
  return new Promise((resolve) => {
    if (setImmediate !== undefined) return setImmediate(resolve)
    if (typeof MessageChannel === 'undefined') return void setTimeout(resolve, 0)
    const channel = new MessageChannel()
    waiting.add(channel)
    channel.port1.onmessage = () => {
      channel.port1.close()
      waiting.delete(channel)
      resolve()
    }
    channel.port2.postMessage(null)
  })
}

/** Held, because workerd frees a port that only its own handler and its other end know of, and what was posted to it is lost. */
const waiting = new Set<MessageChannel>()
