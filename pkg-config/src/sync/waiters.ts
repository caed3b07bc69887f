/** Calls of `now` that wait for a round with the server, in this tab or, by the one that syncs, for others. */
import type { TidewellError } from '../errors.js'

interface Waiter {
  /** Rounds that were begun later than this count. */
  readonly after: number
  readonly resolve: () => void
  readonly reject: (error: TidewellError) => void
}

/** Who waits. */
export class Waiters {
  readonly #waiting = new Set<Waiter>()

  /** Resolves with a round that begins after `after`. */
  wait(after: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.add({ after, resolve, reject }))
  }

  /** A round begun as the `round`th has brought everything. */
  settle(round: number): void {
    for (const waiter of this.#waiting) {
      if (waiter.after >= round) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
  }

  /** It did not work, for anybody. */
  fail(error: TidewellError): void {
    for (const waiter of this.#waiting) waiter.reject(error)
    this.#waiting.clear()
  }
}
