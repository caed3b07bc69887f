/**
 * Two streams joined by key and time: pure. Each record is kept until the watermark has passed its time by `within` and the lateness
 * allowed; so whichever comes second finds the other.
 */
import type { KeyState, Operator, Stored } from './operator.js'
import type { Rec } from './record.js'

export interface JoinPlan {
  readonly within: number
  readonly lateness: number
  /** Whether what finds nothing on the right is told, too. */
  readonly left: boolean
}

/** What a join tells: what the application makes of the two comes first of what is done with results. */
export interface Pair {
  readonly left: unknown
  readonly right: unknown
}

/** A record that waits for others. */
interface Kept {
  readonly time: number
  readonly id: string
  readonly value: unknown
  matched: boolean
}

type StoredKept = readonly [time: number, id: string, value: unknown, matched: boolean]

export class JoinOperator implements Operator {
  readonly plan: JoinPlan
  readonly shape: string

  constructor(plan: JoinPlan) {
    this.plan = plan
    this.shape = `join ${plan.within} ${plan.left ? 'left' : 'inner'}`
  }

  isLate({ time }: Rec, watermark: number): boolean {
    return time + this.plan.within + this.plan.lateness <= watermark
  }

  open(key: string, stored: unknown): KeyState {
    return new Joined(this.plan, key, (stored ?? [[], []]) as readonly (readonly StoredKept[])[])
  }
}

class Joined implements KeyState {
  readonly results: Rec[] = []
  readonly #plan: JoinPlan
  readonly #key: string
  /** Of the left and of the right. */
  readonly #sides: [Kept[], Kept[]]

  constructor(plan: JoinPlan, key: string, stored: readonly (readonly StoredKept[])[]) {
    this.#plan = plan
    this.#key = key
    const side = (at: number) =>
      (stored[at] ?? []).map(([time, id, value, matched]) => ({ time, id, value, matched }) satisfies Kept)
    this.#sides = [side(0), side(1)]
  }

  add(record: Rec, watermark: number): void {
    this.settle(watermark)
    const { within } = this.#plan
    const isLeft = record.side === 0
    const kept: Kept = { time: record.time, id: record.id, value: record.value, matched: false }
    for (const other of this.#sides[isLeft ? 1 : 0]) {
      if (Math.abs(other.time - kept.time) > within) continue
      other.matched = kept.matched = true
      const [left, right] = isLeft ? [kept, other] : [other, kept]
      this.#tell(left, right)
    }
    this.#sides[isLeft ? 0 : 1].push(kept)
  }

  settle(watermark: number): void {
    const { within, lateness, left } = this.#plan
    for (const [at, side] of this.#sides.entries()) {
      if (!side.some(({ time }) => time + within + lateness <= watermark)) continue
      const due = side.filter(({ time }) => time + within + lateness <= watermark)
      this.#sides[at] = side.filter(({ time }) => time + within + lateness > watermark)
      if (!left || at === 1) continue
      for (const one of due) if (!one.matched) this.#tell(one, undefined)
    }
  }

  #tell(left: Kept, right: Kept | undefined): void {
    this.results.push({
      value: { left: left.value, right: right === undefined ? null : right.value } satisfies Pair,
      key: this.#key,
      time: Math.max(left.time, right?.time ?? left.time),
      id: right === undefined ? left.id : `${left.id}+${right.id}`,
      side: 0,
      origin: -1,
      message: undefined,
    })
  }

  get stored(): Stored | undefined {
    const all = [...this.#sides[0], ...this.#sides[1]]
    if (all.length === 0) return undefined
    const close = Math.min(...all.map(({ time }) => time)) + this.#plan.within + this.#plan.lateness
    const rows = (side: readonly Kept[]) => side.map(({ time, id, value, matched }) => [time, id, value, matched])
    return { close, state: [rows(this.#sides[0]), rows(this.#sides[1])] }
  }
}
