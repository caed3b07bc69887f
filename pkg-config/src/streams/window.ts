/** Aggregation by key and window: pure. A window closes when the watermark has passed its end by the lateness allowed. */
import type { Aggregation, StreamContext } from './options.js'
import type { KeyState, Operator, Stored } from './operator.js'
import { contextOf, guarded, type Rec } from './record.js'

/** Windows, checked. `every` is `size` of tumbling ones; without a window everything is in one that never closes. */
export type Windows =
  | { readonly kind: 'all' }
  | { readonly kind: 'fixed'; readonly size: number; readonly every: number }
  | { readonly kind: 'session'; readonly gap: number }

export interface WindowPlan {
  readonly windows: Windows
  readonly lateness: number
  readonly emit: 'final' | 'updates'
  /** Its `result` is not called here: it is the first of what is done with results. */
  readonly how: Aggregation<unknown, unknown, unknown>
  /** Of the aggregation. */
  readonly label: string
}

/** A window of a key that is open: its first millisecond, the one after its last, and what is in it. */
interface Open {
  start: number
  end: number
  all: unknown
  /** Whether this batch has changed it. */
  changed?: boolean
}

type StoredWindow = readonly [start: number, end: number | null, all: unknown]

/** The windows of fixed size that hold a time, the earliest first. */
export function startsOf(time: number, size: number, every: number): number[] {
  const starts: number[] = []
  const last = Math.floor(time / every) * every
  for (let start = last; start > time - size; start -= every) starts.unshift(start)
  return starts
}

export class WindowOperator implements Operator {
  readonly plan: WindowPlan
  readonly shape: string

  constructor(plan: WindowPlan) {
    this.plan = plan
    const { windows, label } = plan
    this.shape = `${JSON.stringify(windows)} ${label}`
  }

  isLate({ time }: Rec, watermark: number): boolean {
    const { windows, lateness } = this.plan
    if (windows.kind === 'all') return false
    // So no session that was closed could have been joined by what is let in later.
    if (windows.kind === 'session') return time + lateness < watermark
    // A record is let in while the last of its windows is open.
    return Math.floor(time / windows.every) * windows.every + windows.size + lateness <= watermark
  }

  open(key: string, stored: unknown): KeyState {
    return new Windowed(this.plan, key, (stored ?? []) as readonly StoredWindow[])
  }
}

class Windowed implements KeyState {
  readonly results: Rec[] = []
  readonly #plan: WindowPlan
  readonly #key: string
  #open: Open[]
  /** Of sessions that tell updates: what was told before this batch, to be taken back where sessions became one. */
  readonly #told: readonly { start: number; end: number; value: unknown }[]
  readonly #closed = new Set<number>()
  /** When the last of what this batch added happened. */
  #latest = -Infinity

  constructor(plan: WindowPlan, key: string, stored: readonly StoredWindow[]) {
    this.#plan = plan
    this.#key = key
    this.#open = stored.map(([start, end, all]) => ({ start, end: end ?? Infinity, all }))
    this.#told =
      plan.emit === 'updates' && plan.windows.kind === 'session'
        ? this.#open.map(({ start, end, all }) => ({ start, end, value: structuredClone(all) }))
        : []
  }

  add(record: Rec, watermark: number): void {
    const { windows, lateness, how } = this.#plan
    const context = contextOf(record)
    if (windows.kind === 'session') return this.#addToSession(record, context, windows.gap)
    const starts = windows.kind === 'all' ? [0] : startsOf(record.time, windows.size, windows.every)
    for (const start of starts) {
      const end = windows.kind === 'all' ? Infinity : start + windows.size
      if (end + lateness <= watermark) continue
      let window = this.#open.find((one) => one.start === start)
      if (window === undefined) this.#open.push((window = { start, end, all: guarded(record, () => how.init()) }))
      this.#put(window, record, context)
    }
  }

  #put(window: Open, record: Rec, context: StreamContext): void {
    window.all = guarded(record, () => this.#plan.how.add(window.all, record.value, context))
    window.changed = true
    this.#latest = Math.max(this.#latest, record.time)
  }

  /** The record alone is a session from its time until `gap` later; it becomes one with all that overlap. */
  #addToSession(record: Rec, context: StreamContext, gap: number): void {
    const { how } = this.#plan
    const whole: Open = { start: record.time, end: record.time + gap, all: undefined, changed: true }
    const touched = this.#open.filter((one) => one.start < whole.end && whole.start < one.end)
    touched.sort((a, b) => a.start - b.start)
    const [first, ...others] = touched
    whole.all = first === undefined ? guarded(record, () => how.init()) : first.all
    for (const one of others) whole.all = guarded(record, () => how.merge?.(whole.all, one.all))
    for (const one of touched) {
      whole.start = Math.min(whole.start, one.start)
      whole.end = Math.max(whole.end, one.end)
    }
    this.#open = this.#open.filter((one) => !touched.includes(one))
    this.#open.push(whole)
    this.#put(whole, record, context)
  }

  settle(watermark: number): void {
    this.#close(watermark)
    if (this.#plan.emit === 'final') return
    for (const one of this.#open) if (one.changed === true) this.#tell(one)
    const there = new Set([...this.#open.map(({ start }) => start), ...this.#closed])
    for (const { start, end, value } of this.#told)
      if (!there.has(start)) this.results.unshift(this.#result(start, end, value, true))
  }

  #close(watermark: number): void {
    const { lateness, emit } = this.#plan
    if (!this.#open.some(({ end }) => end + lateness <= watermark)) return
    const due = this.#open.filter(({ end }) => end + lateness <= watermark)
    this.#open = this.#open.filter(({ end }) => end + lateness > watermark)
    for (const one of due.sort((a, b) => a.start - b.start)) {
      this.#closed.add(one.start)
      if (emit === 'final' || one.changed === true) this.#tell(one)
    }
  }

  #tell({ start, end, all }: Open): void {
    this.results.push(this.#result(start, end, all, false))
  }

  #result(start: number, end: number, value: unknown, gone: boolean): Rec {
    const key = this.#key
    const plain = this.#plan.windows.kind === 'all'
    return {
      value: plain ? { key, value } : { key, start: new Date(start), end: new Date(end), value },
      key,
      time: plain ? this.#latest : end - 1,
      id: plain ? key : `${key}@${start}`,
      side: 0,
      origin: -1,
      message: undefined,
      gone,
    }
  }

  get stored(): Stored | undefined {
    if (this.#open.length === 0) return undefined
    const { lateness, windows } = this.#plan
    // JSON knows no infinity, and a window without an end is never closed.
    if (windows.kind === 'all') return { state: this.#open.map(({ start, all }) => [start, null, all]) }
    const close = Math.min(...this.#open.map(({ end }) => end)) + lateness
    return { close, state: this.#open.map(({ start, end, all }) => [start, end, all]) }
  }
}
