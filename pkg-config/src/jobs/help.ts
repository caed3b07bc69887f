/** Helping with runs that others begin: looking whether there is one, and joining it. It begins none. */
import { TidewellError, toError } from '../errors.js'
import { LOOK_MS } from './turn.js'

/** What is helped with. */
export interface Helped {
  /** The number of the run that goes on, if one does. */
  readonly running: () => Promise<number | undefined>
  /** Works on it until it ends. */
  readonly join: () => Promise<unknown>
  readonly report: (error: TidewellError) => void
}

/** Helps with one run after another, until `end` fires or the database is closed. */
export async function keepHelping(job: Helped, end: AbortSignal): Promise<void> {
  /** A run that this one cannot help with. */
  let left: number | undefined
  /** What the last look failed with, if it failed: the same again is no news. */
  let blind: string | undefined
  while (!end.aborted) {
    let run: number | undefined
    try {
      run = await job.running()
      blind = undefined
      if (run !== undefined && run !== left) await job.join()
    } catch (error) {
      const known = toError(error)
      if (end.aborted || known.code === 'closed') return
      if (run === undefined) {
        if (known.message !== blind) job.report(known)
        blind = known.message
      }
      // Whoever runs it is told.
      else if (known.reason !== 'job-failed' && known.reason !== 'cancelled') {
        left = run
        job.report(known)
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
