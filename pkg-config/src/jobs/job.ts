/**
 * A job, and running it: slice after slice, each committed by the engine with its checkpoint. One tab runs it at a time by a Web
 * Lock, which is courtesy; that no document counts twice is the engine's doing, whoever runs it.
 */
import { throwIfAborted, untilAborted } from '../abort.js'
import { invalid, TidewellError, toError } from '../errors.js'
import type { EventHub } from '../events.js'
import type { Session } from '../session.js'
import type { Signal } from '../types/signal.js'
import type { CheckedJob } from './definition.js'
import { Meter } from './meter.js'
import { alone } from './turn.js'
import type { JobFailure, JobProgress, JobResult, JobRunOptions, JobStatus } from './types.js'
import { Breath, mapPage, Pace, reducePage, type WireFailure } from './work.js'

/** What the engine answers: a status with the step that the next slice must name. */
type Status = JobStatus & { readonly step: number }

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
}

/** Reasons of conflicts that only mean: look again where it is. */
const AGAIN: ReadonlySet<string | undefined> = new Set(['job-moved', 'snapshot-expired', 'retry'])
/** The longest that a timer waits at once. */
const TIMER_MAX = 2 ** 31 - 1

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

  async run(options: JobRunOptions, every?: number): Promise<JobResult> {
    const { signal, restart } = options
    throwIfAborted(signal)
    await this.#settled()
    const start = { op: 'jobStart', name: this.#name, definition: this.#job.wire, restart, every }
    const begun = (await this.#write(start, options)) as Status
    const meter = new Meter()
    const tell = (status: Status) => {
      const { step: _, ...shown } = status
      if (options.onProgress !== undefined) this.#tell(options.onProgress, meter.progress(shown))
    }
    const turn = {
      name: `tidewell/${this.#database}/job/${this.#name}`,
      signal,
      /** Somebody else runs it: how far is it? Undefined once there is nothing left to wait for. */
      look: async () => {
        const status = await this.#status()
        if (status?.state !== 'running') return undefined
        tell(status)
        return status.step
      },
    }
    const status = begun.state === 'running' ? await alone(turn, () => this.#slices(options, tell)) : begun
    return result((status ?? (await this.#status()) ?? begun) as Status)
  }

  async status(): Promise<JobStatus | null> {
    const status = await this.#status()
    if (status === null) return null
    const { step: _, ...shown } = status
    return shown
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
    const { every } = this.#job
    if (every === undefined) {
      this.#hub.emit('error', invalid('job: start needs a schedule: { every: milliseconds }'))
      return
    }
    let timer: ReturnType<typeof setTimeout> | undefined
    const wait = (ms: number) => {
      if (end.aborted) return
      this.#hub.wakeIn?.(ms)
      timer = setTimeout(() => void look(), Math.min(Math.max(ms, 50), TIMER_MAX))
    }
    const look = async () => {
      try {
        const status = await this.#status()
        const since = status === null || status.finished === 0 ? every : Date.now() - status.finished
        // A clock that was set back stops nothing.
        if (since < every && since >= 0) return wait(every - since)
        await this.run({ signal: end }, every)
      } catch (error) {
        const known = toError(error)
        if (end.aborted || known.code === 'closed') return
        this.#hub.emit('error', known)
      }
      wait(every)
    }
    end.addEventListener('abort', () => clearTimeout(timer))
    void look()
  }

  /** Runs slices until the run ends or is stopped. */
  async #slices(options: JobRunOptions, tell: (status: Status) => void): Promise<Status> {
    const hands = { breath: new Breath(), pace: new Pace() }
    let status = await this.#status()
    while (status?.state === 'running') {
      tell(status)
      throwIfAborted(options.signal)
      status = await this.#slice(status, options, hands)
      await hands.breath.due()
    }
    if (status === null) throw new TidewellError('conflict', `job '${this.#name}' vanished`, { reason: 'job-moved' })
    tell(status)
    return status
  }

  async #slice(status: Status, options: JobRunOptions, hands: Hands): Promise<Status | null> {
    const { phase, run, step } = status
    try {
      const handed =
        (phase === 'map' && this.#job.map !== undefined) || (phase === 'reduce' && this.#job.reduce !== undefined)
      if (!handed) return (await this.#write({ op: 'jobStep', name: this.#name, run, step }, options)) as Status
      const next = { op: 'jobNext', name: this.#name, limit: hands.pace.limit }
      const page = (await this.#session.read(next, 'job')) as Page
      if (page.token === undefined) return await this.#status()
      const output = await this.#work(page, options.signal, hands)
      const { token, end } = page
      const commit = { op: 'jobCommit', name: this.#name, run: page.run, step: page.step, token, end, ...output }
      return (await this.#write(commit, options)) as Status
    } catch (error) {
      const known = toError(error)
      if (known.code === 'conflict' && AGAIN.has(known.reason)) return this.#status()
      throw known
    }
  }

  /** What the functions make of a page. */
  async #work(page: Page, signal: Signal | undefined, { breath, pace }: Hands): Promise<Record<string, unknown>> {
    if (page.phase === 'map') {
      const begun = performance.now()
      const { emits, failures } = await untilAborted(mapPage(this.#job, page.docs ?? [], breath), signal)
      pace.note(emits.length, performance.now() - begun)
      return { emits, failures, rows: page.rows, bytes: page.bytes }
    }
    const { results, failures } = await untilAborted(reducePage(this.#job, page.groups ?? [], breath), signal)
    const before = (page.failures ?? []).map(({ id, message }) => ({ id, message }))
    return { results, failures: [...before, ...failures], parts: page.parts }
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

function result(status: Status): JobResult {
  const { state, name, rows, results, failures, message } = status
  if (state === 'failed') throw invalid(`job '${name}' failed: ${message ?? ''}`, 'job-failed')
  if (state === 'cancelled') throw new TidewellError('aborted', `job '${name}' was cancelled`, { reason: 'cancelled' })
  return { state: state === 'done' ? 'done' : 'paused', rows, results, failures }
}
