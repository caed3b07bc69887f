/** How fast a job goes, and how long it may still take. It counts on the monotonic clock, from the first look at each phase. */
import type { JobProgress, JobStatus } from './types.js'

/** Measures one run as this tab sees it. */
export class Meter {
  #phase: string | undefined
  #since = 0
  #first = 0

  /** The status with its figures. */
  progress(status: JobStatus): JobProgress {
    const [done, total] = status.phase === 'map' ? [status.rows, status.rowsTotal] : [status.partsDone, status.parts]
    const now = performance.now()
    if (this.#phase !== status.phase) {
      this.#phase = status.phase
      this.#since = now
      this.#first = done
    }
    const seconds = (now - this.#since) / 1000
    const rate = seconds > 0 ? (done - this.#first) / seconds : 0
    const left = Math.max(total - done, 0)
    const over = status.state === 'done'
    return {
      ...status,
      fraction: over || total === 0 ? 1 : Math.min(done / total, 1),
      rate,
      msLeft: over ? 0 : rate > 0 ? (left / rate) * 1000 : undefined,
    }
  }
}
