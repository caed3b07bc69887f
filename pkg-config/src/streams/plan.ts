/** What a description means: its steps checked and put in order. Nothing runs here. */
import { checkNumber } from '../cache/options.js'
import { invalid } from '../errors.js'
import type { Start } from '../topics/options.js'
import { COUNT, combined } from './aggregates.js'
import type { Call } from './chain.js'
import type { Description, Step } from './handle.js'
import { JoinOperator, type Pair } from './join.js'
import type { Operator } from './operator.js'
import type { Aggregation, JoinOptions, LatePolicy, StreamWindow, WindowOptions } from './options.js'
import { type WindowPlan, WindowOperator, type Windows } from './window.js'

/** Something with a name: a topic, a collection. */
export interface Named {
  readonly name: string
}

/** A topic that is read, and what is done with each message before anything is put together. */
export interface SourcePlan {
  /** The topic as the application gave it; its options are stored when it is first used. */
  readonly topic: { readonly name: string; stats(): Promise<unknown> } | undefined
  readonly name: string
  readonly start: Start
  readonly time: ((value: unknown, message: unknown) => unknown) | undefined
  readonly calls: readonly Call[]
}

/** Where results go. */
export type SinkPlan =
  | { readonly kind: 'collection'; readonly of: string | Named }
  | { readonly kind: 'topic'; readonly topic: Named & { stats(): Promise<unknown> } }

export interface Plan {
  readonly name: string
  readonly sources: readonly SourcePlan[]
  readonly operator: Operator | undefined
  readonly late: LatePolicy
  /** What is done with results. */
  readonly after: readonly Call[]
  readonly sink: SinkPlan
  /** What its state depends on. */
  readonly shape: string
}

/** Reads a description. */
export function planOf(description: Description): Plan {
  const { name, steps } = description
  if (typeof name !== 'string' || name === '') throw invalid('stream: a name must be a string that is not empty')
  const head = new Head(steps)
  const first = head.source()
  const { operator, late, other, shown } = head.keyed ? operatorOf(head, description) : SINGLE
  const after = [...shown, ...(operator === undefined ? [] : head.calls())]
  const [, into] = head.take('into', 'a stream ends with into(…)')
  head.end()
  const sources = other === undefined ? [first] : [first, other]
  const sink = sinkOf(into)
  const shape = [...sources.map((source) => source.name), operator?.shape ?? 'each'].join(' | ')
  return { name, sources, operator, late, after, sink, shape }
}

/** Steps, taken one after another. */
class Head {
  #rest: readonly Step[]
  keyed = false

  constructor(steps: readonly Step[]) {
    this.#rest = steps
  }

  get next(): string | undefined {
    return this.#rest[0]?.[0]
  }

  take(method: string, otherwise: string): Step {
    const [step, ...rest] = this.#rest
    if (step?.[0] !== method)
      throw invalid(`stream: ${otherwise}; got ${step === undefined ? 'nothing more' : step[0]}`)
    this.#rest = rest
    return step
  }

  end(): void {
    if (this.next !== undefined) throw invalid(`stream: ${this.next} cannot come here`)
  }

  /** Functions of single records. */
  calls(): Call[] {
    const calls: Call[] = []
    for (; this.next === 'filter' || this.next === 'map' || this.next === 'flatMap' || this.next === 'lookup';)
      calls.push(callOf(this.take(this.next, '')))
    return calls
  }

  source(): SourcePlan {
    const [, of, options = {}] = this.take('from', 'a stream begins with from(…)')
    if (typeof options !== 'object' || options === null) throw invalid('from: options must be an object')
    const { start = 'beginning', time } = options as { start?: Start; time?: unknown }
    if (time !== undefined && typeof time !== 'function') throw invalid('from: time must be a function')
    const calls = this.calls()
    if (this.next === 'keyBy') {
      calls.push(callOf(this.take('keyBy', '')))
      this.keyed = true
    }
    return { ...readable(of), start, time: time as SourcePlan['time'], calls }
  }
}

function readable(of: unknown): Pick<SourcePlan, 'topic' | 'name'> {
  const { name, consume, insert } = (of ?? {}) as { name?: unknown; consume?: unknown; insert?: unknown }
  if (typeof name === 'string') {
    if (typeof consume === 'function') return { topic: of as NonNullable<SourcePlan['topic']>, name }
    if (typeof insert === 'function') return { topic: undefined, name: `$changes/${name}` }
  }
  throw invalid('from: give a topic (db.topic, db.changes) or a collection')
}

function callOf([method, first, ...more]: Step): Call {
  if (method === 'lookup') {
    const [id, combine] = more
    const { name } = (first ?? {}) as { name?: unknown }
    if (typeof name !== 'string') throw invalid('lookup: give a collection')
    if (typeof id !== 'function' || typeof combine !== 'function') throw invalid('lookup: give two functions')
    return { kind: 'lookup', table: first as Named, id: id as never, combine: combine as never }
  }
  if (typeof first !== 'function') throw invalid(`${method}: give a function`)
  return { kind: method as 'map', work: first as never }
}

interface Built {
  readonly operator: Operator | undefined
  readonly late: LatePolicy
  /** The right side of a join. */
  readonly other: SourcePlan | undefined
  /** What turns what the operator tells into what the application sees. */
  readonly shown: readonly Call[]
}

/** Without keys: records one by one. */
const SINGLE: Built = { operator: undefined, late: 'drop', other: undefined, shown: [] }

function operatorOf(head: Head, description: Description): Built {
  if (head.next === 'join') return joinOf(head.take('join', ''), description)
  let window: Windows = { kind: 'all' }
  let options: WindowOptions = { emit: 'updates' }
  if (head.next === 'window') {
    const [, what, how = {}] = head.take('window', '')
    window = windowsOf(what as StreamWindow)
    if (typeof how !== 'object' || how === null) throw invalid('window: options must be an object')
    options = how
  }
  const { emit = 'final' } = options
  if (emit !== 'final' && emit !== 'updates') throw invalid(`window: emit must be 'final' or 'updates'`)
  const lateness = checkNumber('window: lateness', options.lateness ?? 0)
  const plan: WindowPlan = { windows: window, lateness, emit, ...aggregationOf(head) }
  if (window.kind === 'session' && plan.how.merge === undefined)
    throw invalid('aggregate: session windows need a function merge')
  const { result } = plan.how
  const work = (told: unknown) => ({ ...(told as object), value: result?.((told as { value: unknown }).value) })
  const shown: Call[] = result === undefined ? [] : [{ kind: 'map', work }]
  return { operator: new WindowOperator(plan), late: lateOf(options.late), other: undefined, shown }
}

function windowsOf(window: StreamWindow): Windows {
  const given = (window ?? {}) as { tumbling?: unknown; hopping?: unknown; every?: unknown; session?: unknown }
  if (given.tumbling !== undefined) {
    const size = checkNumber('window: tumbling', given.tumbling, 1)
    return { kind: 'fixed', size, every: size }
  }
  if (given.session !== undefined) return { kind: 'session', gap: checkNumber('window: session', given.session, 1) }
  if (given.hopping === undefined) throw invalid('window: give { tumbling }, { hopping, every } or { session }')
  const size = checkNumber('window: hopping', given.hopping, 1)
  const every = checkNumber('window: every', given.every, 1)
  if (every > size || size / every > 1000)
    throw invalid('window: every must be at most the size of the window, and at least a thousandth of it')
  return { kind: 'fixed', size, every }
}

function aggregationOf(head: Head): Pick<WindowPlan, 'how' | 'label'> {
  if (head.next === 'count') {
    head.take('count', '')
    return { how: COUNT, label: 'count' }
  }
  const [, given] = head.take('aggregate', 'keyBy and window need count() or aggregate(…) behind them')
  if (typeof given !== 'object' || given === null) throw invalid('aggregate: give { init, add } or named aggregates')
  const { init, add, merge, result } = given as Partial<Aggregation<unknown, unknown, unknown>>
  if (typeof init !== 'function' && typeof add !== 'function') return combined(given as Record<string, unknown>)
  for (const [what, work] of Object.entries({ init, add, merge, result }))
    if (typeof work !== 'function' && (work !== undefined || what === 'init' || what === 'add'))
      throw invalid(`aggregate: ${what} must be a function`)
  return { how: given as Aggregation<unknown, unknown, unknown>, label: 'own' }
}

function joinOf([, other, options, combine]: Step, description: Description): Built {
  // The class is in what every page loads, and should not become a chunk of its own for being named here.
  const Other = description.constructor as typeof Description
  if (typeof other !== 'function') throw invalid('join: give a function: (source) => source.from(…).keyBy(…)')
  if (typeof combine !== 'function') throw invalid('join: give a function that combines')
  if (typeof options !== 'object' || options === null) throw invalid('join: give { within }')
  const described = (other as (source: unknown) => unknown)(new Other(undefined, 'other'))
  if (!(described instanceof Other)) throw invalid('join: the function must answer what it was given, with steps')
  const head = new Head(described.steps)
  const source = head.source()
  if (!head.keyed) throw invalid('join: the other stream ends with keyBy')
  head.end()
  const { within, lateness = 0, kind = 'inner', late } = options as JoinOptions
  if (kind !== 'inner' && kind !== 'left') throw invalid(`join: kind must be 'inner' or 'left'`)
  const operator = new JoinOperator({
    within: checkNumber('join: within', within),
    lateness: checkNumber('join: lateness', lateness),
    left: kind === 'left',
  })
  const work = (pair: unknown) =>
    (combine as (...pair: unknown[]) => unknown)((pair as Pair).left, (pair as Pair).right)
  return { operator, late: lateOf(late), other: source, shown: [{ kind: 'map', work }] }
}

function lateOf(late: LatePolicy = 'drop'): LatePolicy {
  if (late === 'drop' || (typeof late === 'object' && typeof late?.topic === 'string')) return late
  throw invalid(`late must be 'drop' or { topic: name }`)
}

function sinkOf(of: unknown): SinkPlan {
  if (typeof of === 'string' && of !== '') return { kind: 'collection', of }
  const { name, publishMany, insert } = (of ?? {}) as { name?: unknown; publishMany?: unknown; insert?: unknown }
  if (typeof name === 'string') {
    if (typeof publishMany === 'function') return { kind: 'topic', topic: of as never }
    if (typeof insert === 'function') return { kind: 'collection', of: of as Named }
  }
  throw invalid('into: give a collection, the name of one, or a topic')
}
