/**
 * The core of streams against a model that sees all records at once: cut into batches however one likes, with partitions interleaved and
 * records late, the same comes out. Seeds are printed when something does not hold.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { combined } from '../src/streams/aggregates.js'
import { EventClock } from '../src/streams/clock.js'
import { JoinOperator, type Pair } from '../src/streams/join.js'
import type { KeyState, Operator, Stored } from '../src/streams/operator.js'
import type { Rec } from '../src/streams/record.js'
import { arrive, keysOf, settle } from '../src/streams/step.js'
import { type WindowPlan, WindowOperator, type Windows } from '../src/streams/window.js'

const RUNS = Number(process.env['TIDEWELL_STREAM_RUNS'] ?? 600)

interface Input {
  readonly lane: string
  readonly time: number
  readonly key: string
  readonly value: number
  readonly side: number
}

interface Case {
  readonly inputs: readonly Input[]
  readonly idleAfter: number
  readonly lateness: number
  readonly random: (below: number) => number
}

/** A small generator of our own, so that a seed means the same everywhere (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

function caseOf(seed: number): Case {
  const random = randomOf(seed)
  const lanes = 1 + random(3)
  const spread = [0, 5, 30, 100][random(4)] as number
  const keys = 1 + random(3)
  const inputs = Array.from({ length: 1 + random(60) }, (_, at): Input => ({
    lane: `0/${random(lanes)}`,
    time: at * 4 + random(spread + 1) - Math.floor(spread / 2),
    key: `k${random(keys)}`,
    value: 1 + random(9),
    side: random(2),
  }))
  return { inputs, idleAfter: [0, 20, 1000][random(3)] as number, lateness: [0, 7, 40][random(3)] as number, random }
}

const recordOf = ({ key, time, value, side }: Input, at: number): Rec => ({
  key,
  time,
  value,
  side,
  id: String(at),
  origin: at,
  message: undefined,
})

interface Outcome {
  /** What was put out, in order. */
  readonly told: Rec[]
  readonly late: number
  readonly stored: Map<string, Stored>
  readonly watermark: number
}

/** Runs the operator as the runner does: states go through JSON between batches, and keys that are due are found by `close`. */
function run(operator: Operator, { inputs, idleAfter, random }: Case, end?: number): Outcome {
  const stored = new Map<string, Stored>()
  const told: Rec[] = []
  let late = 0
  let clock = new EventClock(undefined, idleAfter)
  let at = 0
  const batch = (size: number, advance?: number) => {
    clock = new EventClock(JSON.parse(JSON.stringify(clock.state)) as never, idleAfter)
    const arrivals = inputs
      .slice(at, at + size)
      .map((input, n) => ({ lane: input.lane, time: input.time, records: [recordOf(input, at + n)] }))
    const states = new Map<string, KeyState>()
    for (const key of keysOf(arrivals)) states.set(key, operator.open(key, stored.get(key)?.state))
    late += arrive(operator, clock, states, arrivals).length
    if (advance !== undefined) clock.advance(advance)
    for (const [key, { close, state }] of stored)
      if (close !== undefined && close <= clock.watermark && !states.has(key))
        states.set(key, operator.open(key, state))
    told.push(...settle(states.values(), clock.watermark))
    for (const [key, state] of states) {
      if (state.stored === undefined) stored.delete(key)
      else stored.set(key, JSON.parse(JSON.stringify(state.stored)) as Stored)
    }
    at += size
  }
  while (at < inputs.length) batch(1 + random(7))
  if (end !== undefined) batch(0, end)
  return { told, late, stored, watermark: clock.watermark }
}

/** The watermark before each record, worked out from the definition. */
function watermarks({ inputs, idleAfter }: Case): { before: number[]; end: number } {
  let watermark = -Infinity
  const before = inputs.map((_, at) => {
    const result = watermark
    const reached = new Map<string, number>()
    for (const { lane, time } of inputs.slice(0, at + 1))
      reached.set(lane, Math.max(reached.get(lane) ?? -Infinity, time))
    const lead = Math.max(...reached.values())
    watermark = Math.max(watermark, Math.min(...[...reached.values()].filter((time) => time >= lead - idleAfter)))
    return result
  })
  return { before, end: watermark }
}

const show = (told: readonly Rec[]) => told.map(({ id, value }) => `${id} ${JSON.stringify(value)}`).sort()

/** What a collection holds after all was put into it. */
function table(told: readonly Rec[]): string[] {
  const documents = new Map<string, Rec>()
  for (const record of told) {
    if (record.gone === true) documents.delete(record.id)
    else documents.set(record.id, record)
  }
  return show([...documents.values()])
}

const SUM: WindowPlan['how'] = {
  init: () => ({ sum: 0, seen: 0 }),
  add: (all, value) => {
    // In place, as applications may do.
    const sums = all as { sum: number; seen: number }
    sums.sum += value as number
    sums.seen++
    return sums
  },
  merge: (a, b) => {
    const [one, two] = [a, b] as { sum: number; seen: number }[]
    return { sum: (one?.sum ?? 0) + (two?.sum ?? 0), seen: (one?.seen ?? 0) + (two?.seen ?? 0) }
  },
}

/** Windows as a model that has all records before it says: of each window what was let in. */
function windowModel(
  windows: Windows,
  one: Case,
): { all: Map<string, { end: number; sum: number; seen: number; start: number; key: string }>; late: number } {
  const { before } = watermarks(one)
  const all = new Map<string, { key: string; start: number; end: number; sum: number; seen: number }>()
  let late = 0
  const put = (key: string, start: number, end: number, value: number) => {
    const window = all.get(`${key}@${start}`) ?? { key, start, end, sum: 0, seen: 0 }
    window.sum += value
    window.seen++
    all.set(`${key}@${start}`, window)
  }
  if (windows.kind === 'session') {
    const taken = one.inputs.filter(({ time }, at) => time + one.lateness >= (before[at] as number))
    late = one.inputs.length - taken.length
    for (const key of new Set(taken.map((input) => input.key))) {
      let start = 0
      let last = -Infinity
      for (const input of taken.filter((input) => input.key === key).sort((a, b) => a.time - b.time)) {
        if (input.time - last >= windows.gap) start = input.time
        last = input.time
        put(key, start, last + windows.gap, input.value)
        ;(all.get(`${key}@${start}`) as { end: number }).end = last + windows.gap
      }
    }
    return { all, late }
  }
  for (const [at, { key, time, value }] of one.inputs.entries()) {
    if (windows.kind === 'all') {
      put(key, 0, Infinity, value)
      continue
    }
    let isIn = false
    for (let start = -2000 * windows.every; start <= time; start += windows.every) {
      if (time >= start + windows.size || start + windows.size + one.lateness <= (before[at] as number)) continue
      put(key, start, start + windows.size, value)
      isIn = true
    }
    if (!isIn) late++
  }
  return { all, late }
}

const WINDOWS: readonly (readonly [string, Windows])[] = [
  ['tumbling', { kind: 'fixed', size: 20, every: 20 }],
  ['hopping', { kind: 'fixed', size: 30, every: 10 }],
  ['hopping, uneven', { kind: 'fixed', size: 25, every: 10 }],
  ['session', { kind: 'session', gap: 12 }],
  ['no', { kind: 'all' }],
]

function rows(
  windows: Windows,
  model: ReturnType<typeof windowModel>['all'],
  which: (end: number) => boolean,
): string[] {
  return [...model.values()]
    .filter(({ end }) => which(end))
    .map(({ key, start, end, sum, seen }) =>
      windows.kind === 'all'
        ? `${key} ${JSON.stringify({ key, value: { sum, seen } })}`
        : `${key}@${start} ${JSON.stringify({ key, start: new Date(start), end: new Date(end), value: { sum, seen } })}`,
    )
    .sort()
}

/** Checks a claim about many cases; says which seed broke it. */
function checkCases(check: (one: Case) => void): void {
  for (let seed = 1; seed <= RUNS; seed++) {
    try {
      check(caseOf(seed))
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
}

for (const [name, windows] of WINDOWS) {
  test(`${name} windows: each closes once, with what was let in, however the records were batched`, () => {
    checkCases((one) => {
      const operator = new WindowOperator({ windows, lateness: one.lateness, emit: 'final', how: SUM, label: '' })
      const { told, late, watermark, stored } = run(operator, one)
      const model = windowModel(windows, one)
      const { end } = watermarks(one)
      assert.equal(watermark, end)
      assert.equal(late, model.late)
      const isClosed = (of: number) => of + one.lateness <= end
      assert.deepEqual(show(told), rows(windows, model.all, isClosed))
      const open = new Set([...model.all.values()].filter((window) => !isClosed(window.end)).map(({ key }) => key))
      assert.deepEqual([...stored.keys()].sort(), [...open].sort(), 'nothing is kept of what was closed')
    })
  })

  test(`${name} windows with updates: the collection always holds what was let in so far`, () => {
    checkCases((one) => {
      const operator = new WindowOperator({ windows, lateness: one.lateness, emit: 'updates', how: SUM, label: '' })
      const { told } = run(operator, one)
      assert.deepEqual(
        table(told),
        rows(windows, windowModel(windows, one).all, () => true),
      )
    })
  })
}

/** The same records of each lane, in another order between the lanes. */
function interleaved(one: Case): Case {
  const lanes = new Map<string, Input[]>()
  for (const input of one.inputs) lanes.set(input.lane, [...(lanes.get(input.lane) ?? []), input])
  const queues = [...lanes.values()].map((list) => [...list])
  const inputs: Input[] = []
  while (inputs.length < one.inputs.length) {
    const next = queues[one.random(queues.length)]?.shift()
    if (next !== undefined) inputs.push(next)
  }
  return { ...one, inputs }
}

test('partitions may be interleaved in any way: while nothing is late, the results are the same', () => {
  for (const [, windows] of WINDOWS) {
    checkCases((original) => {
      const one = { ...original, lateness: 10_000 }
      const plan = { windows, lateness: one.lateness, emit: 'final', how: SUM, label: '' } as const
      const final = (of: Case) => show(run(new WindowOperator(plan), of, 1e9).told)
      assert.deepEqual(final(interleaved(one)), final(one))
    })
  }
})

for (const left of [false, true]) {
  test(`a ${left ? 'left' : 'inner'} join tells every pair once that the model sees, however the records were batched`, () => {
    checkCases((one) => {
      const within = 10
      const operator = new JoinOperator({ within, lateness: one.lateness, left })
      const { told, late, watermark } = run(operator, one)
      const { before } = watermarks(one)
      const over = (time: number) => time + within + one.lateness
      const taken = one.inputs
        .map((input, at) => ({ ...input, at }))
        .filter(({ time, at }) => over(time) > (before[at] as number))
      const expected: string[] = []
      for (const l of taken.filter(({ side }) => side === 0)) {
        const partners = taken.filter((r) => {
          const later = Math.max(l.at, r.at)
          const isThere = over(Math.min(l.at, r.at) === l.at ? l.time : r.time) > (before[later] as number)
          return r.side === 1 && r.key === l.key && Math.abs(r.time - l.time) <= within && isThere
        })
        for (const r of partners)
          expected.push(`${l.at}+${r.at} ${JSON.stringify({ left: l.value, right: r.value } satisfies Pair)}`)
        if (left && partners.length === 0 && over(l.time) <= watermark)
          expected.push(`${l.at} ${JSON.stringify({ left: l.value, right: null } satisfies Pair)}`)
      }
      assert.deepEqual(show(told), expected.sort())
      assert.equal(late, one.inputs.length - taken.length)
    })
  })
}

test('built-in aggregates of merged parts are those of the whole', () => {
  const number = (value: unknown) => value as number
  const { how } = combined({
    n: { $count: {} },
    sum: { $sum: number },
    avg: { $avg: number },
    min: { $min: number },
    max: { $max: number },
  })
  const put = (values: number[]) => values.reduce((all: unknown, value) => how.add(all, value, {} as never), how.init())
  const values = [3, -1, 4, 1, -5, 9]
  for (let cut = 0; cut <= values.length; cut++) {
    const merged = how.merge?.(put(values.slice(0, cut)), put(values.slice(cut)))
    assert.deepEqual(how.result?.(merged), { n: 6, sum: 11, avg: 11 / 6, min: -5, max: 9 })
  }
})
