/** The chunk of jobs: a definition is checked, and a job made of it. */
import type { TidewellError } from '../errors.js'
import type { Session } from '../session.js'
import { checkJob } from './definition.js'
import { LoadedJob } from './job.js'

/** A job of the database called `database`. */
export function loadJob(
  name: string,
  database: string,
  session: Session,
  definition: unknown,
  settled: () => Promise<void>,
  report: (error: TidewellError) => void,
): LoadedJob {
  return new LoadedJob(name, database, session, checkJob(definition), settled, report)
}
