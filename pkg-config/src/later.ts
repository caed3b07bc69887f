/**
 * Loads what neither opening a database nor working with documents needs: `seldom.ts`, a chunk of its own. It arrives soon after a
 * database was opened, and before that where a service worker answers requests: such a page may be without a network at any time.
 */
import { notLoaded } from './errors.js'

/** The parts. */
export type Seldom = typeof import('./seldom.js')

/** How long a page that has just opened a database is left alone. */
const FIRST_READS_MS = 300

let arrived: Seldom | undefined
let arriving: Promise<Seldom> | undefined

/** The parts, at once if they are there; calls in a transaction keep their order by that. */
export function seldom(): Seldom | Promise<Seldom> {
  if (arrived !== undefined) return arrived
  arriving ??= load().finally(() => (arriving = undefined))
  return arriving
}

async function load(): Promise<Seldom> {
  arrived = await import('./seldom.js').catch(notLoaded)
  return arrived
}

/** Has them loaded: resolves when they are there if that must be soon. Whoever needs them hears if that failed. */
export async function prepareSeldom(soon: boolean): Promise<void> {
  if (!soon) return void setTimeout(() => prepareSeldom(true), FIRST_READS_MS)
  try {
    await seldom()
  } catch {
    // Asked for again by the first call that needs them.
  }
}
