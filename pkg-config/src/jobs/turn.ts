/**
 * Taking turns at a job: one tab works, the others watch it. A tab that is killed lets go of its lock at once; one that is frozen
 * is waited for until it has not moved for a while. Courtesy only.
 */
import { throwIfAborted } from '../abort.js'
import type { Signal } from '../types/signal.js'

/** Between two looks at whoever works. */
const LOOK_MS = 200
/** Who has not moved for so long is not waited for. */
const STALLED_MS = 5_000

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

/** Runs `work` when nobody else is at it, or does not move. Resolves with undefined if somebody else came to the end. */
export async function alone<R>(turn: Turn, work: () => Promise<R>): Promise<R | undefined> {
  const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks
  if (locks === undefined) return work()
  let [at, since] = [-1, performance.now()]
  for (;;) {
    throwIfAborted(turn.signal)
    const taken = await locks.request(turn.name, { ifAvailable: true }, async (lock) =>
      lock === null ? undefined : { result: await work() },
    )
    if (taken !== undefined) return taken.result
    const step = await turn.look()
    if (step === undefined) return undefined
    if (step !== at) [at, since] = [step, performance.now()]
    else if (performance.now() - since > STALLED_MS) return work()
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
