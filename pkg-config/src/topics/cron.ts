/** When a cron expression comes next. The one place that knows the library. */
import { Cron } from 'croner'
import { invalid } from '../errors.js'

/**
 * Milliseconds from now to the next time of `[expression, time zone]` as JSON; undefined if there is none.
 *
 * @throws TidewellError `invalid`, reason `bad-cron`.
 */
export function nextDelay(cron: string): number | undefined {
  const [expression, timezone] = JSON.parse(cron) as [unknown, string?]
  if (typeof expression !== 'string') throw invalid('schedule: a cron expression must be a string', 'bad-cron')
  let next: Date | null
  try {
    next = new Cron(expression, timezone === undefined ? {} : { timezone }).nextRun()
  } catch (error) {
    throw invalid(
      `schedule: ${JSON.stringify(expression)} is no cron expression: ${error instanceof Error ? error.message : String(error)}`,
      'bad-cron',
    )
  }
  return next === null ? undefined : Math.max(1, next.getTime() - Date.now())
}
