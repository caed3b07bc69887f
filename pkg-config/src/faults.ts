/** Faults to rehearse, checked and written as the engine reads them. It causes none. */
import { invalid } from './errors.js'
import type { FaultOptions } from './types/options.js'

const FAULTS =
  'unavailable interrupted hang quota bit-flip connection-lost cleared crash-kill crash-power-cut crash-reordered crash-torn'
const NAMES: readonly unknown[] = FAULTS.split(' ')

/** The plan in words and the latency in milliseconds. */
export function planOf(options: FaultOptions): { readonly faults: string; readonly latency: number } {
  if (typeof options !== 'object' || options === null)
    throw invalid('faults: must be an object such as { at: { 7: "quota" } }')
  const { seed = 1, at = {}, oneIn, quota, latency = 0 } = options
  const words = [`seed=${whole('seed', seed, 0)}`]
  for (const [operation, fault] of Object.entries(at))
    words.push(`${whole('at', Number(operation), 1)}:${named('at', fault)}`)
  if (oneIn !== undefined) {
    const { operations, faults } = oneIn ?? {}
    if (!Array.isArray(faults) || faults.length === 0)
      throw invalid('faults.oneIn: faults must be an array of at least one')
    words.push(`one-in=${whole('oneIn', operations, 1)}:${faults.map((fault) => named('oneIn', fault)).join()}`)
  }
  if (quota !== undefined) words.push(`quota=${whole('quota', quota, 0)}`)
  if (!(latency >= 0 && latency <= LATENCY_MAX))
    throw invalid(`faults.latency: must be milliseconds from 0 to ${LATENCY_MAX}, got ${String(latency)}`)
  return { faults: words.join(' '), latency }
}

const LATENCY_MAX = 60_000

function whole(what: string, value: unknown, least: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw invalid(`faults.${what}: must be a whole number from ${least}, got ${String(value)}`)
  return value as number
}

function named(what: string, fault: unknown): string {
  if (!NAMES.includes(fault))
    throw invalid(`faults.${what}: there is no fault ${JSON.stringify(fault)}; use one of ${NAMES.join(', ')}`)
  return fault as string
}
