/**
 * Telling a put that is under way, in whatever tab, from one whose tab died. Courtesy only: a put that was cleared all the same finds its
 * record gone, and fails.
 */
import type { Put } from './records.js'

interface LockManager {
  request<R>(name: string, work: () => Promise<R>): Promise<R>
  request<R>(name: string, options: { ifAvailable: boolean }, work: (lock: unknown) => Promise<R>): Promise<R>
}

/** Where there are no locks, a put of another tab has this long. */
const PATIENCE_MS = 24 * 3_600_000
/** Of this thread. */
const here = new Set<string>()

/** Runs `work`, during which the put counts as alive. */
export async function alive<R>(generation: string, work: () => Promise<R>): Promise<R> {
  here.add(generation)
  try {
    return await (locks()?.request(nameOf(generation), work) ?? work())
  } finally {
    here.delete(generation)
  }
}

/** Runs `work` if the put is not under way. `alone`: nobody else can have the database open. */
export async function ifDead({ id, at }: Put, alone: boolean, work: () => Promise<boolean>): Promise<boolean> {
  if (here.has(id)) return false
  const manager = locks()
  if (manager !== undefined)
    return manager.request(nameOf(id), { ifAvailable: true }, async (lock) => lock !== null && (await work()))
  return (alone || Date.now() - at > PATIENCE_MS) && (await work())
}

function nameOf(generation: string): string {
  return `tidewell:put:${generation}`
}

function locks(): LockManager | undefined {
  return (globalThis.navigator as { locks?: LockManager } | undefined)?.locks
}
