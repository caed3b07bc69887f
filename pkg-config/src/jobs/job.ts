/**
 * A job, and running it: slice after slice, each committed by the engine with its checkpoint. One tab runs it at a time by a Web
 * Lock, or one a partition, which is courtesy; that no document counts twice is the engine's doing, whoever runs it.
 */
import { throwIfAborted, untilAborted } from '../abort.js'
import { invalid, TidewellError, toError } from '../errors.js'
import type { EventHub } from '../events.js'
import type { Session } from '../session.js'
import { Breath } from './breath.js'
import type { CheckedJob } from './definition.js'
import { keepHelping } from './help.js'
import { Meter } from './meter.js'
import { type OpenPartitions, share } from './share.js'
import { alone } from './turn.js'
import type { JobFailure, JobProgress, JobResult, JobRunOptions, JobStatus } from './types.js'
import { keepRunning } from './schedule.js'
import { MapSlice, Pace, reducePage, type WireFailure } from './work.js'

/** What the engine answers: a status with the step that the next slice must name, or with those of partitions that are not mapped yet. */
type Status = JobStatus & { readonly step: number; readonly open?: OpenPartitions }

/** A page for the functions. */
interface Page {
  readonly run: number
  readonly step: number
  readonly phase: 'map' | 'reduce' | 'finish'
  readonly docs?: readonly unknown[]
  readonly groups?: readonly (readonly [unknown, readonly unknown[]])[]
  readonly failures?: readonly WireFailure[]
  readonly rows?: number
  readonly bytes?: number
  readonly parts?: number
  readonly token?: string
  readonly end?: boolean
}

/** What a runner keeps from slice to slice. */
interface Hands {
  readonly breath: Breath
  readonly pace: Pace
  readonly options: JobRunOptions
  readonly tell: (status: Status) => void
}

/** What a run is asked for besides its options. */
interface Asked {
  /** A run that ended within so many milliseconds is enough. */
  readonly every?: number
  /** Begin none. */
  readonly join?: boolean
}

/** Reasons of conflicts that only mean: look again where it is. */
const AGAIN: ReadonlySet<string | undefined> = new Set(['snapshot-expired', 'retry'])
/** Somebody else went on: this runner is late. */
const MOVED = 'job-moved'

/** A job of one database. */
export class LoadedJob {
  readonly #name: string
  readonly #database: string
  readonly #session: Session
  readonly #job: CheckedJob
  readonly #settled: () => Promise<void>
  readonly #hub: EventHub

  constructor(
    name: string,
    database: string,
    session: Session,
    job: CheckedJob,
    settled: () => Promise<void>,
    hub: EventHub,
  ) {
    this.#name = name
    this.#database = database
    this.#session = session
    this.#job = job
    this.#settled = settled
    this.#hub = hub
  }

  async run(options: JobRunOptions, asked: Asked = {}): Promise<JobResult> {
    const { signal, restart } = options
    throwIfAborted(signal)
    await this.#settled()
    const start = { op: 'jobStart', name: this.#name, definition: this.#job.wire, restart, ...asked }
    const begun = (await this.#write(start, options)) as Status
    const meter = new Meter()
    const tell = (status: Status) => {
      if (options.onProgress !== undefined) this.#tell(options.onProgress, meter.progress(shown(status)))
    }
    const hands: Hands = { breath: new Breath(), pace: new Pace(), options, tell }
    let status: Status | null = begun
    while (status?.state === 'running') {
      const ended: Status | undefined = await (status.open === undefined ? this.#alone(hands) : this.#share(hands))
      status = ended ?? (await this.#status())
    }
    return result(status ?? begun)
  }

  /** Runs it, or waits for who does; undefined once there is nothing left to wait for. */
  #alone(hands: Hands): Promise<Status | undefined> {
    const turn = {
      name: `tidewell/${this.#database}/job/${this.#name}`,
      signal: hands.options.signal,
      /** Somebody else runs it: how far is it? */
      look: async () => {
        const status = await this.#status()
        if (status?.state !== 'running' || status.open !== undefined) return undefined
        hands.tell(status)
        return status.step
      },
    }
    return alone(turn, () => this.#slices(hands))
  }

  /** Maps partitions that nobody is at until all are mapped. */
  async #share(hands: Hands): Promise<undefined> {
    let status: Status | null = null
    await share({
      lock: (partition) => `tidewell/${this.#database}/job-partition/${partition}/${this.#name}`,
      signal: hands.options.signal,
      look: async () => {
        status = await this.#status()
        return status?.state === 'running' ? status.open : undefined
      },
      work: async (partition) => (await this.#slices(hands, partition)) !== undefined,
      idle: () => {
        if (status !== null) hands.tell(status)
      },
    })
  }

  async status(): Promise<JobStatus | null> {
    const status = await this.#status()
    return status === null ? null : shown(status)
  }

  async *failures(): AsyncGenerator<JobFailure, void, undefined> {
    for (let after: number | null | undefined; after !== null;) {
      const command = { op: 'jobFailures', name: this.#name, after }
      const page = (await this.#session.read(command, 'job')) as { failures: JobFailure[]; next: number | null }
      yield* page.failures
      after = page.next
    }
  }

  async pause(): Promise<boolean> {
    const status = (await this.#write({ op: 'jobPause', name: this.#name })) as Status | null
    return status?.state === 'paused'
  }

  async cancel(): Promise<boolean> {
    const before = await this.#status()
    await this.#write({ op: 'jobCancel', name: this.#name })
    return before !== null && before.state !== 'done' && before.state !== 'cancelled'
  }

  start(end: AbortSignal): void {
    const { schedule } = this.#job
    const report = (error: Error) => this.#hub.emit('error', toError(error))
    if (schedule === undefined) {
      report(invalid("job: start needs a schedule: { every: milliseconds } or { cron: '0 3 * * *' }"))
      return
    }
    const run = (every: number) => this.run({ signal: end }, { every })
    const wakeIn = (ms: number, wake: () => Promise<void>) => this.#hub.wakeIn?.(ms, wake) ?? false
    keepRunning({ schedule, last: () => this.#status(), run, report, wakeIn }, end)
  }

  help(end: AbortSignal): void {
    const running = async () => {
      const status = await this.#status()
      return status?.state === 'running' ? status.run : undefined
    }
    const join = () => this.run({ signal: end }, { join: true })
    void keepHelping({ running, join, report: (error) => this.#hub.emit('error', error) }, end)
  }

  /** Runs slices, of that partition or of a run that is not split, until it ends or is stopped; undefined once somebody else goes on with it. */
  async #slices(hands: Hands, partition?: number): Promise<Status | undefined> {
    const { options, tell } = hands
    let status = await this.#status()
    while (status?.state === 'running') {
      const step = stepOf(status, partition)
      if (step === undefined) break
      tell(status)
      throwIfAborted(options.signal)
      const next = await this.#slice({ ...status, step }, hands, partition)
      if (next === MOVED) return undefined
      status = next
      await hands.breath.due()
    }
    if (status === null) throw new TidewellError('conflict', `job '${this.#name}' vanished`, { reason: MOVED })
    tell(status)
    return status
  }

  async #slice(status: Status, hands: Hands, partition?: number): Promise<Status | null | typeof MOVED> {
    const [{ phase, run, step }, { options }] = [status, hands]
    try {
      const handed =
        (phase === 'map' && this.#job.map !== undefined) || (phase === 'reduce' && this.#job.reduce !== undefined)
      const turn = { name: this.#name, run, step, partition }
      if (!handed) return (await this.#write({ op: 'jobStep', ...turn }, options)) as Status
      const limit = Math.min(hands.pace.limit, this.#job.sliceSize)
      const next = { op: 'jobNext', name: this.#name, limit, partition }
      const page = (await this.#session.read(next, 'job')) as Page
      if (page.token === undefined) return await this.#status()
      const output = await untilAborted(
        page.phase === 'map' ? this.#map(page, hands, partition) : this.#reduce(page, hands),
        options.signal,
      )
      const commit = { op: 'jobCommit', ...turn, run: page.run, step: page.step, ...output }
      return (await this.#write(commit, options)) as Status
    } catch (error) {
      const known = toError(error)
      if (known.code === 'conflict' && known.reason === MOVED) return MOVED
      if (known.code === 'conflict' && AGAIN.has(known.reason)) return this.#status()
      throw known
    }
  }

  /** What the map function makes of this page and the next ones, until they come to a slice. */
  async #map(page: Page, { breath, pace, options }: Hands, partition?: number): Promise<Record<string, unknown>> {
    const slice = new MapSlice(this.#job, breath, options.signal)
    let [at, rows, bytes] = [page, 0, 0]
    for (;;) {
      const begun = performance.now()
      const keys = await slice.add(at.docs ?? [])
      pace.note(keys, performance.now() - begun)
      rows += at.rows ?? 0
      bytes += at.bytes ?? 0
      const limit = Math.min(pace.limit, slice.room)
      if (at.end || limit === 0) break
      const command = { op: 'jobNext', name: this.#name, limit, after: at.token, partition }
      const next = (await this.#session.read(command, 'job')) as Page
      // Somebody else went on: the commit will say so.
      if (next.run !== page.run || next.step !== page.step || next.token === undefined) break
      at = next
    }
    const emits = await slice.finish()
    return { emits, failures: slice.failures, rows, bytes, token: at.token, end: at.end }
  }

  /** What the reduce function makes of a page. */
  async #reduce({ groups = [], failures = [], parts, token, end }: Page, { breath, options }: Hands) {
    const done = await reducePage(this.#job, groups, breath, options.signal)
    const before = failures.map(({ id, message }) => ({ id, message }))
    return { results: done.results, failures: [...before, ...done.failures], parts, token, end }
  }

  /** What the application's callback throws is reported as the host reports uncaught errors. */
  #tell(callback: (progress: JobProgress) => void, progress: JobProgress): void {
    try {
      callback(progress)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  async #status(): Promise<Status | null> {
    return (await this.#session.read({ op: 'jobStatus', name: this.#name }, 'job')) as Status | null
  }

  #write(command: Record<string, unknown> & { op: string }, options: JobRunOptions = {}): Promise<unknown> {
    return this.#session.write(command, 'job', { durability: options.durability })
  }
}

/** A status as applications see it. */
function shown(status: Status): JobStatus {
  const { step: _, open: __, ...shown } = status
  return shown
}

/** What a slice must name: the step of a run that is not split, or of the partition. Undefined if there is nothing left to do of it. */
function stepOf({ step, open }: Status, partition: number | undefined): number | undefined {
  if (partition === undefined) return open === undefined ? step : undefined
  return open?.find(([one]) => one === partition)?.[1]
}

function result(status: Status): JobResult {
  const { state, name, rows, results, failures, message } = status
  if (state === 'failed') throw invalid(`job '${name}' failed: ${message ?? ''}`, 'job-failed')
  if (state === 'cancelled') throw new TidewellError('aborted', `job '${name}' was cancelled`, { reason: 'cancelled' })
  return { state: state === 'done' ? 'done' : 'paused', rows, results, failures }
}
