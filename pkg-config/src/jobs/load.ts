/** The chunk of jobs: a definition is checked, and a job made of it. */
import { invalid } from '../errors.js'
import type { EventHub } from '../events.js'
// Needed as a whole, with what it imports, so that the bundler does not cut the API's file into smaller ones for this chunk.
import '../session.js'
import type { Session } from '../session.js'
import { checkJob } from './definition.js'
import { LoadedJob } from './job.js'

/** A job of the database called `database`. */
export async function loadJob(
  name: string,
  database: string,
  session: Session,
  definition: unknown,
  settled: () => Promise<void>,
  hub: EventHub,
): Promise<LoadedJob> {
  if (typeof name !== 'string' || name === '') throw invalid('job: a name must be a string that is not empty')
  const job = checkJob(definition)
  const { schedule } = job
  if (schedule !== undefined && 'cron' in schedule) {
    const { nextTime } = await import('../topics/cron.js')
    if (nextTime(schedule.cron) === undefined)
      throw invalid(`job: the cron expression ${schedule.cron} never comes`, 'bad-cron')
  }
  return new LoadedJob(name, database, session, job, settled, hub)
}
