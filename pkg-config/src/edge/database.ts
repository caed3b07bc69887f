/**
 * A database in a Durable Object: the same engine on the object's SQLite, and the object's alarm as its timer. It adds no command.
 */
import { Database } from '../database.js'
import { invalid, TidewellError, toError } from '../errors.js'
import type { EventHub } from '../events.js'
import type { Job } from '../jobs/handle.js'
import { openParts, type Parts } from '../open.js'
import type { OpenOptions } from '../types/options.js'
import { Alarm } from './alarm.js'
import { DurableStore } from './store.js'
import type { DurableState, DurableStorage } from './types.js'

/** An isolate of 128 MB may hold several objects. */
const MEMORY_BUDGET = 16 * 1024 * 1024
/** The name of an object's database: it has one. */
const NAME = 'durable-object'
/** Slices of a job in one alarm. Clocks stand still while an object computes, so they are counted. */
const SLICES = 20

/** Options of {@link openDurable}. */
export type DurableOptions = Pick<OpenOptions, 'durability' | 'memoryBudget' | 'faults' | 'signal'>

/** Storage in use: an object opens its database once. */
const inUse = new WeakSet<DurableStorage>()

/**
 * Opens the database of a Durable Object, in its constructor, within `ctx.blockConcurrencyWhile`. The object must have SQLite storage.
 * A `relaxed` write is in the object's storage when it resolves, and safe before an answer leaves the object; a `strict` one is safe
 * when it resolves. The default memory budget is 16 MiB.
 *
 * @throws TidewellError as `open`; `unavailable` if it is open already.
 */
export async function openDurable(ctx: DurableState, options: DurableOptions = {}): Promise<DurableDatabase> {
  const { storage } = (ctx ?? {}) as Partial<DurableState>
  if (typeof storage?.sql?.exec !== 'function' || typeof storage.transactionSync !== 'function')
    throw invalid('openDurable: give the ctx of a Durable Object with SQLite storage (new_sqlite_classes)')
  const { durability, memoryBudget = MEMORY_BUDGET, faults, signal } = options
  const parts = await openParts(NAME, { durability, memoryBudget, faults, signal }, async () => {
    if (inUse.has(storage)) throw new TidewellError('unavailable', 'the database of this object is open already')
    inUse.add(storage)
    return new DurableStore(storage, () => inUse.delete(storage))
  })
  const hub = parts[2]
  const alarm = await Alarm.of(storage, (error) => hub.emit('error', toError(error)))
  hub.wakeIn = alarm.wakeIn
  return new DurableDatabase(parts, alarm)
}

/** The open database of a Durable Object. */
export class DurableDatabase extends Database {
  readonly #events: EventHub
  readonly #alarm: Alarm
  readonly #jobs = new Map<string, { readonly job: Job; readonly slices: number }>()

  /** @internal */
  constructor(parts: Parts, alarm: Alarm) {
    super(...parts)
    this.#events = parts[2]
    this.#alarm = alarm
  }

  /**
   * Does what is due: call it in the object's `alarm()`, and use the object's alarm for nothing else. Delayed messages, deadlines, cron
   * expressions and retries of topics reach the consumers that the constructor has made; jobs go on. Resolves when handlers have
   * nothing left to do now.
   */
  async onAlarm(): Promise<void> {
    await Promise.all([this.#alarm.wentOff(), this.#events.topics?.tendAll()])
    for (const { job, slices } of [...this.#jobs.values()]) await this.#goOn(job, slices)
  }

  /**
   * Begins a run of the job, or goes on with it, a few slices now and in each alarm until it is done, so that each has the CPU time of
   * an event of its own. Later failures go to the `error` event.
   */
  async begin(job: Job, options: { readonly slices?: number | undefined } = {}): Promise<void> {
    const { slices = SLICES } = options
    if (!Number.isInteger(slices) || slices < 1) throw invalid('begin: slices must be a whole number from 1')
    this.#jobs.set(job.name, { job, slices })
    await this.#goOn(job, slices, true)
  }

  /** Goes on in alarms with an unfinished run of the job, if there is one. For the constructor: an object that was evicted forgets. */
  async resume(job: Job, options: { readonly slices?: number | undefined } = {}): Promise<void> {
    if ((await job.status())?.state !== 'running') return
    this.#jobs.set(job.name, { job, slices: options.slices ?? SLICES })
    this.#alarm.wakeIn(0)
  }

  async #goOn(job: Job, slices: number, isNew = false): Promise<void> {
    const enough = new AbortController()
    let left = slices
    const onProgress = () => {
      if (left-- === 0) enough.abort()
    }
    try {
      if (!isNew && (await job.status())?.state !== 'running') return void this.#jobs.delete(job.name)
      // Should the object die meanwhile.
      this.#alarm.wakeIn(0)
      await job.run({ signal: enough.signal, onProgress })
      this.#jobs.delete(job.name)
    } catch (error) {
      const known = toError(error)
      if (enough.signal.aborted && known.code === 'aborted') return void this.#alarm.wakeIn(0)
      this.#jobs.delete(job.name)
      if (isNew) throw known
      this.#events.emit('error', known)
    }
  }
}
