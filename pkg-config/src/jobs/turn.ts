/**
 * Taking turns at a job: one tab works, the others watch it. A tab that is killed lets go of its lock at once; one that is frozen
 * is waited for until it has not moved for a while. Courtesy only.
 */
import { throwIfAborted } from '../abort.js'
import type { Signal } from '../types/signal.js'

/** Between two looks at whoever works. */
export const LOOK_MS = 200
/** Who has not moved for so long is not waited for. */
export const STALLED_MS = 5_000

interface LockManager {
  request<R>(name: string, options: { ifAvailable: boolean }, work: (lock: unknown) => Promise<R>): Promise<R>
}

/** What is waited for. */
export interface Turn {
  /** The lock's name. */
  readonly name: string
  readonly signal: Signal | undefined
  /** How far whoever works is; undefined once there is nothing left to do. */
  readonly look: () => Promise<number | undefined>
}

/**
 * Runs `work` when nobody else is at it, or does not move. `work` answers undefined when it finds that somebody else is: whoever was frozen
 * and taken over from then waits like the others. Resolves with undefined if somebody else came to the end.
 */
export async function alone<R>(turn: Turn, work: () => Promise<R | undefined>): Promise<R | undefined> {
  let [at, since, waits] = [-1, performance.now(), false]
  for (;;) {
    throwIfAborted(turn.signal)
    if (!waits) {
      const result = await locked(turn.name, work)
      if (result?.is !== undefined) return result.is
      // It was this one's turn, and somebody else went on: who does not stand still is waited for.
      if (result !== undefined) [waits, since] = [true, performance.now()]
    }
    const step = await turn.look()
    if (step === undefined) return undefined
    if (step !== at) [at, since] = [step, performance.now()]
    else if (performance.now() - since > STALLED_MS) {
      const result = await work()
      if (result !== undefined) return result
      ;[waits, since] = [true, performance.now()]
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

/** Undefined if somebody else has the lock. Without Web Locks nobody has. */
export async function locked<R>(name: string, work: () => Promise<R>): Promise<{ is: R } | undefined> {
  const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks
  if (locks === undefined) return { is: await work() }
  return locks.request(name, { ifAvailable: true }, async (lock) => (lock === null ? undefined : { is: await work() }))
}
