/**
 * Sharing a run whose source is split: each of those who run it takes a partition that nobody is at, one after another, until all are
 * mapped. Who is killed lets go of its partition at once; who is frozen is waited for until it has not moved for a while. Courtesy
 * only, as in `turn.ts`.
 */
import { throwIfAborted } from '../abort.js'
import type { Signal } from '../types/signal.js'
import { LOOK_MS, locked, STALLED_MS } from './turn.js'

/** Partitions that are not mapped yet, each with how far it is. */
export type OpenPartitions = readonly (readonly [partition: number, step: number])[]

/** What is shared. */
export interface Shared {
  /** The name of a partition's lock. */
  readonly lock: (partition: number) => string
  readonly signal: Signal | undefined
  /** What is left to map; undefined once that is nothing, or the run does not go on. */
  readonly look: () => Promise<OpenPartitions | undefined>
  /** Maps a partition until it is done, or the run does not go on: then true. False once somebody else went on with it. */
  readonly work: (partition: number) => Promise<boolean>
  /** Called after each look that found others at everything that is left. */
  readonly idle: () => void
}

/** A partition as this one has seen it. */
interface Seen {
  step: number
  since: number
  /** Somebody else went on with it, and is waited for. */
  waits: boolean
}

/** Works until nothing is left to map, or the run does not go on. */
export async function share(shared: Shared): Promise<void> {
  const known = new Map<number, Seen>()
  for (;;) {
    throwIfAborted(shared.signal)
    const open = await shared.look()
    if (open === undefined) return
    if (await takeOne(shared, open, known)) continue
    shared.idle()
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

/** Works on the first partition that is free or stands still; false if there is none. */
async function takeOne(shared: Shared, open: OpenPartitions, known: Map<number, Seen>): Promise<boolean> {
  // Not all at the same one, where there are no locks.
  const first = Math.floor(Math.random() * open.length)
  for (const [partition, step] of [...open.slice(first), ...open.slice(0, first)]) {
    const seen = look(known, partition, step)
    const stalled = performance.now() - seen.since > STALLED_MS
    if (seen.waits && !stalled) continue
    const work = () => shared.work(partition)
    let result = seen.waits ? undefined : await locked(shared.lock(partition), work)
    if (result === undefined && stalled) result = { is: await work() }
    if (result === undefined) continue
    Object.assign(seen, { waits: !result.is, since: performance.now() })
    return true
  }
  return false
}

function look(known: Map<number, Seen>, partition: number, step: number): Seen {
  let seen = known.get(partition)
  if (seen === undefined) known.set(partition, (seen = { step, since: performance.now(), waits: false }))
  if (seen.step !== step) Object.assign(seen, { step, since: performance.now() })
  return seen
}
