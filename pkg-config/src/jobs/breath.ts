/** Giving the thread back in the middle of work that is long. */

/** Work in one go, at most, but for a single call of a function. */
const BREATH_MS = 4

/** Gives the thread back once it was held for long enough. */
export class Breath {
  #since = performance.now()

  /** Resolves after other work of the page had its turn, if it is time; undefined if not. */
  due(): Promise<void> | undefined {
    if (performance.now() - this.#since < BREATH_MS) return undefined
    return this.#take()
  }

  async #take(): Promise<void> {
    await laterTask()
    this.#since = performance.now()
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
