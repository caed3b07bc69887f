/**
 * A job as the application holds it. The code behind it is a chunk of its own, loaded with the first use: pages without jobs do
 * not download it.
 */
import type { LoadedJob } from './job.js'
import type { JobFailure, JobResult, JobRunOptions, JobStatus } from './types.js'

/**
 * A large computation over a collection, in slices that are committed with their checkpoint. Whichever tab runs it goes on where
 * the last one was.
 *
 * Every method rejects with `TidewellError`: `invalid` for a bad definition, `conflict` with reason `job-differs` if an
 * unfinished run is of another definition.
 */
export class Job {
  /** The job's name. */
  readonly name: string
  readonly #load: () => Promise<LoadedJob>
  readonly #report: ((error: unknown) => void) | undefined
  #loaded: Promise<LoadedJob> | undefined

  /** @internal */
  constructor(name: string, load: () => Promise<LoadedJob>, report?: (error: unknown) => void) {
    this.name = name
    this.#load = load
    this.#report = report
  }

  /**
   * Runs the job, or goes on with an unfinished run, and resolves at its end, or once it is paused. Several tabs may: one works,
   * the others wait, and take over if it dies. With `partitions` all of them map.
   *
   * @throws TidewellError `invalid`, reason `job-failed`, if a record failed (run again to try it again); `aborted`, reason
   * `cancelled`, if it was cancelled; `aborted` by its signal.
   */
  run(options: JobRunOptions = {}): Promise<JobResult> {
    return this.#later((job) => job.run(options))
  }

  /** Where its last run stands; null if it never ran. */
  status(): Promise<JobStatus | null> {
    return this.#later((job) => job.status())
  }

  /** The records of its last run that failed. */
  async *failures(): AsyncGenerator<JobFailure, void, undefined> {
    yield* (await this.#later((job) => job)).failures()
  }

  /** Stops whoever runs it after the slice it is at, and its schedule; {@link Job.run} goes on. Resolves with whether there was an unfinished run. */
  pause(): Promise<boolean> {
    return this.#later((job) => job.pause())
  }

  /** Gives an unfinished run up, in every tab; the old result stays. Resolves with whether there was one. */
  cancel(): Promise<boolean> {
    return this.#later((job) => job.cancel())
  }

  /**
   * Runs it whenever it is due by its `schedule`, from now on, as long as this tab is open. Of several tabs one runs it.
   * Errors go to the database's `error` event. Returns what ends it.
   */
  start(): () => void {
    const end = new AbortController()
    void this.#later((job) => job.start(end.signal)).catch(this.#report)
    return () => end.abort()
  }

  /**
   * Works along with whoever runs the job, from now on, as long as this tab or worker is open; begins no run. With `partitions` several
   * map side by side; of any other job, and of what is left when all are mapped, it takes over if the one that is at it dies. Errors go to
   * the database's `error` event, but for those that whoever runs the job is told. Returns what ends it.
   */
  help(): () => void {
    const end = new AbortController()
    void this.#later((job) => job.help(end.signal)).catch(this.#report)
    return () => end.abort()
  }

  async #later<R>(work: (job: LoadedJob) => R): Promise<Awaited<R>> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined
      throw error
    })
    return await work(await this.#loaded)
  }
}
