/** Options of running a stream: checked, and with what holds where they say nothing. */
import { checkNumber } from '../cache/options.js'
import { invalid } from '../errors.js'
import type { StreamOptions } from './options.js'

export type RunSettings = ReturnType<typeof settingsOf>

/** The options of a run, all of them. */
export function settingsOf(name: string, given: unknown) {
  const options = (given ?? {}) as StreamOptions
  if (typeof options !== 'object') throw invalid('run: options must be an object')
  const { onError = 'dead-letter', deadLetter = `${name}.dead`, idleAfter = 10_000, signal, backoff } = options
  if (onError !== 'dead-letter' && onError !== 'stop') throw invalid("run: onError must be 'dead-letter' or 'stop'")
  if (typeof deadLetter !== 'string' || deadLetter === '') throw invalid('run: deadLetter must be the name of a topic')
  return {
    signal,
    onError,
    deadLetter,
    idleAfter: idleAfter === Infinity ? Infinity : checkNumber('run: idleAfter', idleAfter),
    batch: Math.min(10_000, checkNumber('run: batch', options.batch ?? 500, 1)),
    maxDeliveries: checkNumber('run: maxDeliveries', options.maxDeliveries ?? 3, 1),
    backoffMin: checkNumber('run: backoff.min', backoff?.min ?? 100),
    backoffMax: checkNumber('run: backoff.max', backoff?.max ?? 10_000),
  }
}
