/**
 * Event time: how far it is complete. Each partition of each source is a lane; the watermark is the least of what the lanes have come to,
 * without those that have fallen behind by more than `idleAfter`. It never goes back. No clock of the host.
 */

/** An event clock at rest. */
export interface ClockState {
  readonly lanes: readonly (readonly [lane: string, time: number])[]
  readonly watermark: number | null
}

export class EventClock {
  readonly #lanes: Map<string, number>
  readonly #idleAfter: number
  /** The latest time of any lane. */
  lead = -Infinity
  /** Up to here event time is complete. */
  watermark: number

  constructor(state: ClockState | undefined, idleAfter: number) {
    this.#lanes = new Map(state?.lanes)
    this.#idleAfter = idleAfter
    this.watermark = state?.watermark ?? -Infinity
    for (const time of this.#lanes.values()) this.lead = Math.max(this.lead, time)
  }

  /** A record of that time came along that lane. */
  observe(lane: string, time: number): void {
    const before = this.#lanes.get(lane)
    if (before !== undefined && before >= time) return
    this.#lanes.set(lane, time)
    this.lead = Math.max(this.lead, time)
    let least = Infinity
    for (const reached of this.#lanes.values())
      if (reached >= this.lead - this.#idleAfter) least = Math.min(least, reached)
    this.watermark = Math.max(this.watermark, least)
  }

  /** Time passed in which nothing came. */
  advance(to: number): void {
    this.watermark = Math.max(this.watermark, to)
  }

  get state(): ClockState {
    return { lanes: [...this.#lanes], watermark: this.watermark === -Infinity ? null : this.watermark }
  }
}
