/** Time for expiry: it never goes back, whatever the wall clock does. Not for ordering: the log does that. */

/** Where time comes from; both in milliseconds. */
export interface ClockSource {
  /** Since the Unix epoch, as the device believes. May jump. */
  wall(): number
  /** From any origin; never goes back. */
  monotonic(): number
}

/** The host's clocks. */
export const HOST_CLOCK: ClockSource = { wall: () => Date.now(), monotonic: () => performance.now() }

/**
 * Counts on from its first look at the wall clock by the monotonic one, and jumps forward to any time that another tab wrote
 * down: what is expired there is expired here, and what has expired stays so.
 */
export class Clock {
  readonly #source: ClockSource
  #offset: number

  constructor(source: ClockSource = HOST_CLOCK) {
    this.#source = source
    this.#offset = source.wall() - source.monotonic()
  }

  /** Milliseconds since the Unix epoch, about. */
  now(): number {
    return this.#source.monotonic() + this.#offset
  }

  /** Takes note of a time that was written by a tab which is ahead. */
  observe(time: number): void {
    const behind = time - this.now()
    if (behind > 0) this.#offset += behind
  }
}
