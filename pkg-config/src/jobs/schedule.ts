/**
 * Runs that are due by a schedule. When the last one began and ended is read from the database, so all tabs agree on what is due, and of
 * several that find it due one runs it.
 */
import { toError } from '../errors.js'
import type { CheckedSchedule } from './definition.js'
import type { JobStatus } from './types.js'

/** The longest that a timer waits at once: the clock may jump, the device may sleep. */
const TIMER_MAX = 60_000
const TIMER_MIN = 50

/** What is run. */
export interface Scheduled {
  readonly schedule: CheckedSchedule
  /** Its last run: when it began and ended; `finished` is 0 before the end. Null if it never ran. */
  readonly last: () => Promise<Pick<JobStatus, 'state' | 'started' | 'finished'> | null>
  /** Runs it, unless a run ended less than `enough` milliseconds ago. */
  readonly run: (enough: number) => Promise<unknown>
  readonly report: (error: Error) => void
  /** Hosts whose timers do not last: sees to it that the database is open again in so many milliseconds. Answers whether it calls `wake`. */
  readonly wakeIn: (ms: number, wake: () => Promise<void>) => boolean
}

/** What is due when: in `wait` milliseconds, and whoever ran it within the last `enough` has done it. */
interface Due {
  readonly wait: number
  readonly enough: number
}

/** Runs it whenever it is due, until `end` fires. */
export function keepRunning(job: Scheduled, end: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const asked = Date.now()
  let handled = 0
  const again = (ms: number) => {
    if (end.aborted) return
    if (!job.wakeIn(ms, look)) timer = setTimeout(look, Math.min(Math.max(ms, TIMER_MIN), TIMER_MAX))
  }
  const look = async () => {
    if (end.aborted) return
    let wait = TIMER_MAX
    try {
      const due = await next(job, asked, handled)
      if (due === undefined) return
      wait = due.wait
      if (wait <= 0) {
        handled = Date.now()
        await job.run(due.enough)
        wait = 0
      }
    } catch (error) {
      const known = toError(error)
      if (end.aborted || known.code === 'closed') return
      job.report(known)
      if ('every' in job.schedule) wait = job.schedule.every
    }
    again(wait)
  }
  end.addEventListener('abort', () => clearTimeout(timer))
  void look()
}

/** Undefined if it never comes again. */
async function next({ schedule, last }: Scheduled, asked: number, handled: number): Promise<Due | undefined> {
  const [status, now] = [await last(), Date.now()]
  // Whoever paused a run says when it goes on: until then nothing is due.
  const isPaused = status?.state === 'paused'
  if ('every' in schedule) {
    const { every } = schedule
    const since = isPaused ? 0 : status === null || status.finished === 0 ? every : now - status.finished
    // A clock that was set back stops nothing.
    return { wait: since >= 0 ? every - since : 0, enough: every }
  }
  const { nextTime } = await import('../topics/cron.js')
  // What was due since the last run, and no tab was open, is due now; a job that never ran has missed nothing.
  const from = isPaused ? now : Math.max(status === null ? asked : status.started, handled)
  const at = nextTime(schedule.cron, Math.min(from, now))
  return at === undefined ? undefined : { wait: at - now, enough: Math.max(1, now - at) }
}
