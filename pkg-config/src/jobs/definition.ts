/** From an application's definition to the engine's: which stages it runs, and where the functions come in. */
import { invalid } from '../errors.js'
import { type Fold, foldOf } from './fold.js'
import type { JobDefinition, JobMap, JobReducer } from './types.js'

/** A definition that was checked. */
export interface CheckedJob {
  /** What the engine is told. */
  readonly wire: Readonly<Record<string, unknown>>
  readonly map: JobMap<unknown, unknown> | undefined
  readonly combine: ((key: never, values: readonly unknown[]) => unknown) | undefined
  readonly reduce: ((key: never, values: readonly unknown[]) => unknown) | undefined
  /** When it runs by itself. */
  readonly schedule: CheckedSchedule | undefined
  /** The most records of one slice. */
  readonly sliceSize: number
  /** What folds plain numbers of a key before the engine reduces them. */
  readonly fold: Fold | undefined
}

/** A schedule that was checked; `cron` is the expression and the time zone as JSON. */
export type CheckedSchedule = { readonly every: number } | { readonly cron: string }

/** Checks a definition. Throws `invalid`, naming what is wrong. */
export function checkJob(definition: unknown): CheckedJob {
  const checked = check(definition)
  // What was not said is not sent.
  const said = Object.entries(checked.wire).filter(([, value]) => value !== undefined)
  return { ...checked, wire: Object.fromEntries(said) }
}

function check(definition: unknown): CheckedJob {
  if (typeof definition !== 'object' || definition === null) throw invalid('job: a definition must be an object')
  const { from, into, map, combine, reduce, pipeline, onError, sliceSize, fields, partitions, version, schedule } =
    definition as JobDefinition<unknown, unknown, unknown>
  const topic = isTopic(from) || undefined
  const split = partitions === 1 ? undefined : partitions
  const common = {
    from: nameOf(from, 'from'),
    topic,
    into: nameOf(into, 'into'),
    onError,
    sliceSize,
    fields,
    partitions: split,
  }
  const rest = { schedule: checkSchedule(schedule), sliceSize: sliceSize ?? Infinity, fold: undefined }
  if ('workers' in definition)
    throw invalid("job: there is no 'workers': give 'partitions', and declare the job in workers of yours", 'not-there')
  if (pipeline !== undefined) {
    if (map !== undefined || combine !== undefined || reduce !== undefined)
      throw invalid('job: give a pipeline, or map and reduce, not both')
    const wire = { ...common, pipeline, version }
    return { ...rest, wire, map: undefined, combine: undefined, reduce: undefined }
  }
  if (reduce === undefined) throw invalid('job: give map and reduce, or a pipeline')
  if (combine !== undefined && typeof combine !== 'function') throw invalid('job: combine must be a function')
  const functions = [map, combine, reduce].filter((one) => typeof one === 'function')
  const code = version ?? functions.map(String).join('\n')
  if (typeof map === 'function') {
    const value = typeof reduce === 'function' ? { $push: '$v' } : accumulator(reduce, '$v')
    const wire = {
      ...common,
      pipeline: [{ $group: { _id: '$k', value } }],
      mapped: true,
      reduced: typeof reduce === 'function',
      code,
    }
    const own = typeof reduce === 'function' ? reduce : undefined
    const fold = combine === undefined ? foldOf(reduce) : undefined
    return { ...rest, wire, map: map as JobMap<unknown, unknown>, combine, reduce: own as CheckedJob['reduce'], fold }
  }
  if (typeof map !== 'object' || map === null || !('key' in map))
    throw invalid("job: map must be a function, or { key: '$path', value: '$path' }")
  if (combine !== undefined) throw invalid('job: combine needs a map function: expressions are combined by the engine')
  if (map.value === undefined && reduce !== 'count') throw invalid("job: map needs a 'value' for that reduce")
  const own = typeof reduce === 'function' ? (reduce as CheckedJob['reduce']) : undefined
  const value = typeof reduce === 'function' ? { $push: map.value } : accumulator(reduce, map.value)
  const wire = { ...common, pipeline: [{ $group: { _id: map.key, value } }], reduced: own !== undefined, code }
  return { ...rest, wire, map: undefined, combine: undefined, reduce: own }
}

function accumulator(reducer: JobReducer, value: unknown): unknown {
  switch (reducer) {
    case 'count':
      return { $sum: 1 }
    case 'sum':
    case 'avg':
    case 'min':
    case 'max':
      return { [`$${reducer}`]: value }
    case 'distinct':
      return { $approximateDistinct: value }
  }
  if (typeof reducer === 'object' && reducer !== null) {
    if ('quantiles' in reducer) return { $percentile: { input: value, p: reducer.quantiles } }
    if ('top' in reducer) return { $maxN: { input: value, n: reducer.top } }
  }
  throw invalid(
    "job: reduce must be a function, 'count', 'sum', 'avg', 'min', 'max', 'distinct', { quantiles: [0.5] } or { top: 10 }",
  )
}

function isTopic(from: unknown): boolean {
  return typeof from === 'object' && from !== null && 'consume' in from
}

function nameOf(source: unknown, what: string): string {
  const name = typeof source === 'object' && source !== null ? (source as { name: unknown }).name : source
  if (typeof name !== 'string' || name === '') throw invalid(`job: '${what}' must be a collection or its name`)
  return name
}

function checkSchedule(schedule: unknown): CheckedSchedule | undefined {
  if (schedule === undefined) return undefined
  const { every, cron, timeZone } = (typeof schedule === 'object' ? (schedule ?? {}) : {}) as Record<string, unknown>
  if (typeof cron === 'string' && every === undefined) {
    if (timeZone !== undefined && typeof timeZone !== 'string') throw invalid('job: timeZone must be a string')
    return { cron: JSON.stringify(timeZone === undefined ? [cron] : [cron, timeZone]) }
  }
  if (typeof every !== 'number' || !(every >= 100) || !Number.isFinite(every))
    throw invalid("job: a schedule must be { every: milliseconds }, at least 100, or { cron: '0 3 * * *' }")
  return { every: Math.round(every) }
}
