/** Where results go, in the transaction that makes them: documents, messages, dead letters, records that came too late. */
import { toError } from '../errors.js'
import type { Transaction } from '../transaction.js'
import type { LatePolicy } from './options.js'
import type { SinkPlan } from './plan.js'
import type { Rec } from './record.js'

/** What is given up, and why. */
export interface Dead {
  readonly record: Rec
  readonly error: unknown
}

/** Puts results out. Those that the sink refuses are given to `refuse`, if there is one; otherwise all are refused. Answers how many went. */
export async function putOut(
  tx: Transaction,
  sink: SinkPlan,
  results: readonly Rec[],
  refuse: ((dead: Dead) => void) | undefined,
): Promise<number> {
  if (sink.kind === 'topic') {
    const topic = tx.topic(sink.topic.name)
    return each(results, refuse, (some) => topic.publishMany(some.map(messageOf)))
  }
  const collection = tx.collection(typeof sink.of === 'string' ? sink.of : sink.of.name)
  // Of several results with one id the last counts.
  const last = [...new Map(results.map((record) => [idOf(record), record])).values()]
  const gone = last.filter((record) => record.gone === true)
  if (gone.length > 0) await collection.deleteMany(gone.map(idOf))
  const kept = last.filter((record) => record.gone !== true)
  return gone.length + (await each(kept, refuse, (some) => collection.putMany(some.map(documentOf) as never)))
}

/** Whether it is the fault of what was to be stored: the same again is refused again. */
export function isRefusal(error: unknown): boolean {
  const { code, reason } = toError(error)
  return code === 'invalid' || reason === 'unique'
}

async function each(
  results: readonly Rec[],
  refuse: ((dead: Dead) => void) | undefined,
  put: (some: readonly Rec[]) => Promise<unknown>,
): Promise<number> {
  if (results.length === 0) return 0
  try {
    await put(results)
    return results.length
  } catch (error) {
    if (refuse === undefined || !isRefusal(error)) throw error
  }
  let count = 0
  for (const record of results) {
    try {
      await put([record])
      count++
    } catch (error) {
      if (!isRefusal(error)) throw error
      refuse({ record, error })
    }
  }
  return count
}

/** Records that came too late. */
export async function putLate(
  tx: Transaction,
  stream: string,
  policy: LatePolicy,
  late: readonly Rec[],
  watermark: number,
): Promise<void> {
  if (policy === 'drop' || late.length === 0) return
  await tx.topic(policy.topic).publishMany(
    late.map((record) => {
      const { value, key, time } = record
      return { value: value ?? null, key: keyOf(key), headers: { stream, time, watermark, ...placeOf(record) } }
    }),
  )
}

/** What was given up. */
export async function putDead(
  tx: Transaction,
  stream: string,
  name: string,
  dead: readonly Dead[],
  attempts: number,
): Promise<void> {
  const topic = tx.topic(name)
  for (const { record, error } of dead) {
    const text = (error instanceof Error ? error.message : String(error)).slice(0, 1000)
    const value = record.message === undefined ? record.value : record.message.value
    const headers = { stream, error: text, attempts, time: record.time, ...placeOf(record) }
    const key = keyOf(record.message === undefined ? record.key : record.message.key)
    try {
      await topic.publish(value ?? null, { key, headers })
    } catch (refused) {
      // A result may be more than a message can hold. That it was there is told all the same.
      if (toError(refused).code !== 'invalid') throw refused
      await topic.publish(null, { headers: { ...headers, id: record.id } })
    }
  }
}

function placeOf({ message }: Rec): Record<string, unknown> {
  return message === undefined ? {} : { partition: message.partition, offset: message.offset }
}

/** Keys of messages are not empty. */
function keyOf(key: string | undefined): string | undefined {
  return key === '' ? undefined : key
}

function messageOf({ value, key, time, gone }: Rec) {
  const headers = gone === true ? { time, gone } : { time }
  return { value: value === undefined ? null : value, key: keyOf(key), headers }
}

function idOf({ value, id }: Rec): string {
  const own = isObject(value) ? (value as { id?: unknown }).id : undefined
  return typeof own === 'string' ? own : id
}

function documentOf(record: Rec): unknown {
  const { value } = record
  if (!isObject(value)) return { id: record.id, value }
  return 'id' in value ? value : { id: record.id, ...value }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
