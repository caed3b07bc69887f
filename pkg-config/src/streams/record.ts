/** Records on their way through a stream, and how a function that throws is told apart from everything else. */
import { TidewellError, toError } from '../errors.js'
import type { TopicMessage } from '../topics/options.js'
import type { StreamContext } from './options.js'

/** A value on its way. */
export interface Rec {
  readonly value: unknown
  readonly key: string | undefined
  /** Milliseconds of event time. */
  readonly time: number
  /** What it is called if it has no name of its own: the same whenever it is computed. */
  readonly id: string
  /** Of a join: 0 for the left, 1 for the right. */
  readonly side: number
  /** Which message of the batch it comes from; -1 of results. */
  readonly origin: number
  readonly message: TopicMessage<unknown> | undefined
  /** A result that was put out before and does not hold any more. */
  readonly gone?: boolean | undefined
}

/** What functions are told of a record. */
export function contextOf({ key, time, message }: Rec): StreamContext {
  return { key, time: new Date(time), message }
}

/** A function of the application threw. */
export class FunctionError extends Error {
  /** The record that it was given. */
  readonly record: Rec

  constructor(record: Rec, cause: unknown) {
    super(toError(cause).message, { cause })
    this.record = record
  }
}

/** Calls a function of the application for a record. */
export function guarded<R>(record: Rec, work: () => R): R {
  let answer: R
  try {
    answer = work()
  } catch (cause) {
    throw new FunctionError(record, cause)
  }
  if (answer instanceof Promise) {
    answer.catch(() => undefined)
    throw new FunctionError(record, new TypeError('functions of streams must not be async'))
  }
  return answer
}

/** The error of a stream that stopped at a message. */
export function stopped(stream: string, at: string, cause: Error): TidewellError {
  return new TidewellError(
    'invalid',
    `the stream ${JSON.stringify(stream)} stopped at ${at}, where it fails again and again: ${cause.message}`,
    { reason: 'stream-failed', cause: cause.cause ?? cause },
  )
}
