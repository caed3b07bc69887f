/**
 * One batch through an operator: pure. Takes the records of each message, the states of the keys they touch and the event clock;
 * leaves behind the states after it, what is to be put out, and what came too late. Cut into batches however one likes, the same messages
 * come to the same.
 */
import type { EventClock } from './clock.js'
import type { KeyState, Operator } from './operator.js'
import type { Rec } from './record.js'

/** A message of a batch: its lane, its time, and what the functions made of it. */
export interface Arrival {
  readonly lane: string
  readonly time: number
  readonly records: readonly Rec[]
}

/** The keys that a batch touches, in the order of their first records. */
export function keysOf(arrivals: readonly Arrival[]): string[] {
  return [...new Set(arrivals.flatMap(({ records }) => records.map(({ key }) => key as string)))]
}

/** Runs the records through. `states` holds a state for every one of {@link keysOf}. Answers those that came too late. */
export function arrive(
  operator: Operator | undefined,
  clock: EventClock,
  states: ReadonlyMap<string, KeyState>,
  arrivals: readonly Arrival[],
): Rec[] {
  const late: Rec[] = []
  for (const { lane, time, records } of arrivals) {
    // A message is as late as it was before it came: its own time says nothing against it.
    const { watermark } = clock
    for (const record of operator === undefined ? [] : records) {
      if (operator?.isLate(record, watermark) === true) late.push(record)
      else states.get(record.key as string)?.add(record, watermark)
    }
    clock.observe(lane, time)
  }
  return late
}

/** Closes what is due, and answers all there is to put out. */
export function settle(states: Iterable<KeyState>, watermark: number): Rec[] {
  const results: Rec[] = []
  for (const state of states) {
    state.settle(watermark)
    for (const result of state.results) results.push(result)
  }
  // The earlier first, whatever the order in which keys were touched.
  return results.sort((a, b) => a.time - b.time)
}
