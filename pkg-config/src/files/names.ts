/** Names and ranges as the engine hands them to storage that the host brings along: numbers, three each. */
import type { Name, Range } from './blobs.js'

/** The names, or ranges, in a row of numbers. A range may end beyond the last name there can be. */
export function triples(numbers: Float64Array): Name[] {
  return Array.from({ length: numbers.length / 3 }, (_, at) => [
    numbers[at * 3] as number,
    numbers[at * 3 + 1] as number,
    Math.min(numbers[at * 3 + 2] as number, Number.MAX_SAFE_INTEGER),
  ])
}

/** Whether the range holds the name. */
export function isWithin([area, id]: Name, [of, first, last]: Range): boolean {
  return area === of && id >= first && id <= last
}
