/**
 * A stream at work: batch after batch, each one commit of state, results and offset. Any number of tabs may run it: whose commit comes
 * first has done the batch, the others find that out by the number in the head, and stand by until nothing moves any more. So no tab
 * is appointed, and one that was frozen cannot commit what others have done meanwhile.
 */
import type { Database } from '../database.js'
import { invalid, TidewellError, toError } from '../errors.js'
import { isFinal } from '../topics/core.js'
import type { TopicHub } from '../topics/hub.js'
import { type Batch, nameOf, runBatch } from './batch.js'
import type { Description } from './handle.js'
import type { RunningStream, StreamStats } from './options.js'
import { type Plan, planOf } from './plan.js'
import { Reader } from './reader.js'
import { FunctionError, stopped } from './record.js'
import { type RunSettings, settingsOf } from './settings.js'
import { isRefusal } from './sink.js'
import { type Head, Store } from './store.js'
import { Tender } from './tend.js'

/** After a turn that failed for no fault of the stream. */
const RETRY_MS = 200
/** When there is work and nobody has done any for so long, whoever stands by takes over. */
const TAKEOVER_MS = 600
const STANDBY_LOOK_MS = 100
const STANDBY_IDLE_MS = 1000
/** The longest timer of a host. */
const TIMER_MAX_MS = 2 ** 31 - 1
const FIRST_BATCH = 64
/** A batch that takes longer is halved, so that a page stays responsive. */
const BATCH_SLOW_MS = 100
const BATCH_FAST_MS = 40

/** What a stream needs of its database. */
export interface StreamHost {
  readonly database: Database
  readonly topics: () => Promise<TopicHub>
}

/** Another run has committed meanwhile. */
class Outrun extends Error {}

/** Calls a method that ends a description. */
export async function call(description: Description, method: string, options: unknown): Promise<unknown> {
  const host = description.host
  if (host === undefined) throw invalid('stream: a stream that is joined does not run by itself')
  const plan = planOf(description)
  const store = new Store(host.database, plan.name)
  if (method === 'reset') return store.drop()
  const stream = new Run(host.database, await host.topics(), plan, store, settingsOf(plan.name, options))
  await stream.begin()
  return stream satisfies RunningStream
}

class Run implements RunningStream {
  done: Promise<void> = Promise.resolve()
  readonly #database: Database
  readonly #hub: TopicHub
  readonly #plan: Plan
  readonly #store: Store
  readonly #settings: RunSettings
  readonly #reader: Reader
  readonly #tenders: readonly Tender[]
  #head: Head | undefined
  #size = FIRST_BATCH
  #stopping = false
  #working = true
  /** When something last moved. */
  #moved = performance.now()
  /** Until when there is nothing to do unless something comes. */
  #restUntil = Infinity
  #wake: () => void = () => undefined

  constructor(database: Database, hub: TopicHub, plan: Plan, store: Store, settings: RunSettings) {
    this.#database = database
    this.#hub = hub
    this.#plan = plan
    this.#store = store
    this.#settings = settings
    this.#size = Math.min(FIRST_BATCH, settings.batch)
    this.#reader = new Reader(hub, plan.sources)
    this.#tenders = plan.sources
      .filter(({ topic }) => topic !== undefined)
      .map(({ name }) => new Tender(hub.topic(name, undefined), plan.name))
  }

  async begin(): Promise<void> {
    const { sink } = this.#plan
    await this.#reader.open()
    if (sink.kind === 'topic') await sink.topic.stats()
    this.#head = await this.#load()
    this.done = this.#run()
    // Who does not wait for it is told by the event `error`.
    this.done.catch(() => undefined)
    const { signal } = this.#settings
    if (signal?.aborted === true) void this.stop()
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = () => void this.stop()

  async stop(): Promise<void> {
    this.#stopping = true
    this.#wake()
    await this.done.catch(() => undefined)
  }

  async stats(): Promise<StreamStats> {
    const head = await this.#load()
    let lag = 0
    for (const [at, { name }] of this.#plan.sources.entries())
      lag += Math.max(0, (await this.#reader.end(at)) - (head.next[name] ?? 0))
    const watermark = head.watermark === null ? undefined : new Date(head.watermark)
    return { in: head.in, out: head.out, late: head.late, dead: head.dead, lag, watermark, working: this.#working }
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping) await this.#careful(async () => ((await this.#turn()) ? undefined : this.#rest()))
    } catch (thrown) {
      const error = toError(thrown)
      if (error.code !== 'closed') this.#hub.report(error)
      if (error.code !== 'closed' || !this.#stopping) throw error
    } finally {
      this.#stopping = true
      this.#settings.signal?.removeEventListener('abort', this.#onAbort)
      await Promise.all(this.#tenders.map((tender) => tender.stop().catch(() => undefined)))
    }
  }

  /** Does it, and what there is to do when it fails. */
  async #careful(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      if (thrown instanceof Outrun) return this.#careful(() => this.#standBy())
      const error = toError(thrown)
      if (isFinal(error) || error.reason?.startsWith('stream-') === true) throw error
      await this.#pause(RETRY_MS)
    }
  }

  /** The head as it is stored; the first one if there is none. */
  async #load(): Promise<Head> {
    const head = (await this.#store.head()) ?? (await this.#first())
    if (head.shape !== this.#plan.shape)
      throw new TidewellError(
        'conflict',
        `the stream ${JSON.stringify(this.#plan.name)} was stored as "${head.shape}" and is now "${this.#plan.shape}": give it another name, or reset() it`,
        { reason: 'stream-differs' },
      )
    for (const [at, { name }] of this.#plan.sources.entries()) {
      if ((head.next[name] ?? 0) <= (await this.#reader.end(at))) continue
      throw new TidewellError(
        'conflict',
        `the topic ${JSON.stringify(name)} ends before what the stream had read: reset() the stream`,
        { reason: 'stream-ahead' },
      )
    }
    return head
  }

  async #first(): Promise<Head> {
    const next: Record<string, number> = {}
    for (const [at, { name, start }] of this.#plan.sources.entries()) next[name] = await this.#reader.startOf(at, start)
    const zero = { seq: 0, pending: false, in: 0, out: 0, late: 0, dead: 0, failing: null }
    const clock = { lanes: [], watermark: null, closed: null }
    return this.#database.transaction(
      async (tx) =>
        (await this.#store.headIn(tx)) ??
        (await this.#store.putHead(tx, { ...zero, ...clock, shape: this.#plan.shape, next })),
    )
  }

  /** What there is to do; undefined if nothing. */
  async #work(head: Head, limit: number): Promise<Batch | undefined> {
    const { messages, next } = await this.#reader.fetch(head.next, limit)
    this.#restUntil = Infinity
    if (messages.length > 0 || head.pending) return { messages, next, advance: undefined, giveUp: undefined }
    const advance = await this.#idle(head)
    return advance === undefined ? undefined : { messages, next, advance, giveUp: undefined }
  }

  /** Nothing comes: where the watermark goes on to, if something is due by then. */
  async #idle(head: Head): Promise<number | undefined> {
    const { idleAfter } = this.#settings
    if (this.#plan.operator === undefined || head.lanes.length === 0 || idleAfter === Infinity) return undefined
    const close = await this.#store.nextClose(head)
    if (close === Infinity) return undefined
    const lead = Math.max(...head.lanes.map(([, time]) => time))
    const idle = performance.now() - this.#moved - idleAfter
    if (idle >= 0 && lead + idle >= close) return lead + idle
    this.#restUntil = this.#moved + idleAfter + Math.max(0, close - lead)
    return undefined
  }

  /** One batch. Answers false if there is nothing to do. */
  async #turn(): Promise<boolean> {
    const head = (this.#head ??= await this.#load())
    const batch = await this.#work(head, this.#size)
    if (batch === undefined) return false
    const begun = performance.now()
    try {
      await this.#commit(head, batch)
    } catch (error) {
      await this.#failed(head, batch, error)
      return true
    }
    const now = performance.now()
    if (batch.messages.length > 0) this.#moved = now
    if (now - begun > BATCH_SLOW_MS) this.#size = Math.max(1, Math.ceil(this.#size / 2))
    else if (now - begun < BATCH_FAST_MS) this.#size = Math.min(this.#settings.batch, this.#size * 2)
    return true
  }

  async #commit(head: Head, batch: Batch): Promise<void> {
    const { seq } = head
    this.#head = await this.#database.transaction(async (tx) => {
      const stored = await this.#store.headIn(tx)
      if (stored?.seq !== seq) throw new Outrun()
      return runBatch(tx, this.#plan, this.#settings, this.#store, stored, batch)
    })
    this.#working = true
  }

  /** A function threw, or something cannot be stored. What came before it is done first; then it has its tries, alone. */
  async #failed(head: Head, batch: Batch, thrown: unknown): Promise<void> {
    const error = thrown instanceof FunctionError ? thrown : toError(thrown)
    if (thrown instanceof Outrun || (error instanceof TidewellError && !isRefusal(error))) {
      this.#head = undefined
      throw thrown
    }
    if (batch.messages.length > 1) {
      this.#size = error instanceof FunctionError && error.record.origin > 0 ? error.record.origin : 1
      return
    }
    const { onError, maxDeliveries, backoffMin, backoffMax } = this.#settings
    const at = nameOf(batch)
    const attempts = (head.failing?.at === at ? head.failing.attempts : 0) + 1
    if (attempts >= maxDeliveries && onError === 'dead-letter')
      return this.#commit(head, { ...batch, giveUp: attempts }).catch((again: unknown) => {
        this.#head = undefined
        throw again instanceof FunctionError ? stopped(this.#plan.name, at, again) : again
      })
    await this.#remember(head, at, attempts, error.message)
    if (attempts >= maxDeliveries) throw stopped(this.#plan.name, at, error)
    await this.#pause(Math.min(backoffMax, backoffMin * 2 ** (attempts - 1)))
  }

  /** Counts a failure, so that it is known after a crash. */
  async #remember(head: Head, at: string, attempts: number, error: string): Promise<void> {
    this.#head = await this.#database.transaction(async (tx) => {
      const stored = await this.#store.headIn(tx)
      if (stored?.seq !== head.seq) throw new Outrun()
      return this.#store.putHead(tx, { ...stored, seq: stored.seq + 1, failing: { at, attempts, error } })
    })
  }

  /** Another run does the work: returns when it does not any more. */
  async #standBy(): Promise<void> {
    this.#working = false
    let seq = -1
    let since: number | undefined
    while (!this.#stopping) {
      this.#head = await this.#load()
      const now = performance.now()
      if (this.#head.seq !== seq) {
        seq = this.#head.seq
        since = undefined
        this.#moved = now
      }
      const isBehind = (await this.#work(this.#head, 1)) !== undefined
      since = isBehind ? (since ?? now) : undefined
      if (since !== undefined && now - since >= TAKEOVER_MS) return
      if (isBehind) await this.#pause(STANDBY_LOOK_MS)
      else {
        this.#restUntil = Math.min(this.#restUntil, now + STANDBY_IDLE_MS)
        await this.#rest()
      }
    }
  }

  /** Waits until something comes or is due. */
  async #rest(): Promise<void> {
    if (this.#stopping) return
    await Promise.all(this.#tenders.map((tender) => tender.look()))
    const controller = new AbortController()
    const come = this.#reader.published(controller.signal)
    await Promise.race([come, this.#pause(this.#restUntil - performance.now())])
    controller.abort()
    this.#wake()
  }

  /** Waits so long, or until it is woken. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, Math.min(TIMER_MAX_MS, Math.max(1, ms)))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#stopping) this.#wake()
    })
  }
}
