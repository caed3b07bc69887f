/** One batch of a stream, in one transaction: what the functions make of its messages, states, results, and how far it is. */
import { invalid } from '../errors.js'
import type { Transaction } from '../transaction.js'
import { runCalls } from './chain.js'
import { EventClock } from './clock.js'
import type { Plan } from './plan.js'
import type { Fetch, Fetched } from './reader.js'
import { FunctionError, guarded, type Rec } from './record.js'
import { type Dead, putDead, putLate, putOut } from './sink.js'
import { type Arrival, arrive, keysOf, settle } from './step.js'
import type { Head, OpenKey, Store } from './store.js'

/** What a batch is about. */
export interface Batch extends Fetch {
  /** The watermark goes on to there: time passed in which nothing came. */
  readonly advance: number | undefined
  /** Whoever throws is given up, after that many attempts; otherwise the batch fails. */
  readonly giveUp: number | undefined
}

/** What of the options counts here. */
export interface Settings {
  readonly idleAfter: number
  readonly deadLetter: string
}

/** Runs the batch from `head` on. Answers the head after it. */
export async function runBatch(
  tx: Transaction,
  plan: Plan,
  settings: Settings,
  store: Store,
  head: Head,
  batch: Batch,
): Promise<Head> {
  const dead: Dead[] = []
  const skipped = new Set<number>()
  for (;;) {
    try {
      return await attempt(tx, plan, settings, store, head, batch, skipped, [...dead])
    } catch (error) {
      // Nothing was written yet: once more without that message, so that nothing of it counts.
      const origin = error instanceof FunctionError ? error.record.origin : -1
      if (batch.giveUp === undefined || origin < 0 || skipped.has(origin)) throw error
      skipped.add(origin)
      dead.push({ record: (error as FunctionError).record, error })
    }
  }
}

async function attempt(
  tx: Transaction,
  plan: Plan,
  settings: Settings,
  store: Store,
  head: Head,
  batch: Batch,
  skipped: ReadonlySet<number>,
  dead: Dead[],
): Promise<Head> {
  const { operator } = plan
  const clock = new EventClock(head, settings.idleAfter)
  const arrivals = await arrivalsOf(tx, plan, batch.messages, skipped)
  const open = operator === undefined ? new Map<string, OpenKey>() : await store.load(tx, operator, keysOf(arrivals))
  const states = new Map([...open].map(([key, { state }]) => [key, state]))
  const late = arrive(operator, clock, states, arrivals)
  if (batch.advance !== undefined) clock.advance(batch.advance)
  const { watermark } = clock
  const all = operator === undefined || (await store.loadDue(tx, operator, open, head.closed, watermark))
  const told = operator === undefined ? arrivals.flatMap(({ records }) => records) : settleAll(open, watermark)
  const giveUp = batch.giveUp === undefined ? undefined : (one: Dead) => void dead.push(one)
  const results = await runCalls(tx, plan.after, told, (error) => {
    if (giveUp === undefined) throw error
    giveUp({ record: error.record, error })
  })
  const [first] = batch.messages
  const culprit = giveUp === undefined || first === undefined || skipped.has(0) ? undefined : recordOf(plan, first, 0)
  if (operator !== undefined) await store.save(tx, open, culprit)
  const out = await putOut(tx, plan.sink, results, giveUp)
  await putLate(tx, plan.name, plan.late, late, watermark)
  await putDead(tx, plan.name, settings.deadLetter, dead, batch.giveUp ?? 0)
  return store.putHead(tx, {
    ...clock.state,
    shape: plan.shape,
    seq: head.seq + 1,
    next: batch.next,
    closed: all && watermark !== -Infinity ? watermark : head.closed,
    pending: !all,
    in: head.in + batch.messages.length,
    out: head.out + out,
    late: head.late + late.length,
    dead: head.dead + dead.length,
    failing: null,
  })
}

function settleAll(open: ReadonlyMap<string, OpenKey>, watermark: number): Rec[] {
  return settle(
    [...open.values()].map(({ state }) => state),
    watermark,
  )
}

/** What the functions make of each message. */
async function arrivalsOf(
  tx: Transaction,
  plan: Plan,
  messages: readonly Fetched[],
  skipped: ReadonlySet<number>,
): Promise<Arrival[]> {
  const records = messages.map((fetched, at) => (skipped.has(at) ? undefined : recordOf(plan, fetched, at)))
  const made = records.map((): Rec[] => [])
  for (const [source, { calls }] of plan.sources.entries()) {
    const own = records.filter((record) => record?.side === source) as Rec[]
    const throwing = (error: FunctionError) => {
      throw error
    }
    for (const record of await runCalls(tx, calls, own, throwing)) made[record.origin]?.push(record)
  }
  const arrivals: Arrival[] = []
  for (const [at, record] of records.entries()) {
    if (record === undefined) continue
    const lane = `${record.side}/${record.message?.partition}`
    arrivals.push({ lane, time: record.time, records: made[at] ?? [] })
  }
  return arrivals
}

/** A message as a record, with its time. */
function recordOf(plan: Plan, { source, message }: Fetched, origin: number): Rec {
  const { value, key, offset } = message
  const record: Rec = { value, key, time: +message.timestamp, id: String(offset), side: source, origin, message }
  const time = plan.sources[source]?.time
  const said = time === undefined ? message.headers['time'] : guarded(record, () => time(value, message))
  if (said === undefined && time === undefined) return record
  const number = said instanceof Date ? said.getTime() : said
  if (typeof number === 'number' && Number.isFinite(number)) return { ...record, time: number }
  if (time === undefined) return record
  throw new FunctionError(record, invalid(`from: time must answer a number or a Date, got ${String(said)}`))
}

/** What a batch is called, for counting its failures. */
export function nameOf(batch: Fetch): string {
  const [first] = batch.messages
  return first === undefined ? 'idle' : `${first.source}/${first.message.offset}`
}
