/** When a cron expression comes next. The one place that knows the library. */
/*!
 * croner
 *
 * The MIT License (MIT)
 *
 * Copyright (c) 2015-2026 Hexagon <github.com/Hexagon>
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
import { Cron } from 'croner'
import { invalid } from '../errors.js'

/**
 * Milliseconds from now to the next time of `[expression, time zone]` as JSON; undefined if there is none.
 *
 * @throws TidewellError `invalid`, reason `bad-cron`.
 */
export function nextDelay(cron: string): number | undefined {
  const next = nextTime(cron)
  return next === undefined ? undefined : Math.max(1, next - Date.now())
}

/**
 * The next time of it after `from` (now unless given), in milliseconds since the Unix epoch; undefined if there is none.
 *
 * @throws TidewellError `invalid`, reason `bad-cron`.
 */
export function nextTime(cron: string, from?: number): number | undefined {
  const [expression, timezone] = JSON.parse(cron) as [unknown, string?]
  if (typeof expression !== 'string') throw invalid('schedule: a cron expression must be a string', 'bad-cron')
  let next: Date | null
  try {
    const times = new Cron(expression, timezone === undefined ? {} : { timezone })
    next = times.nextRun(from === undefined ? null : new Date(from))
  } catch (error) {
    throw invalid(
      `schedule: ${JSON.stringify(expression)} is no cron expression: ${error instanceof Error ? error.message : String(error)}`,
      'bad-cron',
    )
  }
  return next?.getTime()
}
