/** A message as the engine answers it, turned into what the application gets. */
import type { DeadLetter, TopicMessage } from './options.js'

/** @internal */
export interface WireMessage {
  readonly partition: number
  readonly priority: number
  readonly offset: number
  readonly time: number
  /** Which commit of its millisecond. */
  readonly tick?: number
  readonly key?: string
  readonly id?: string
  readonly headers?: Record<string, unknown>
  readonly dead?: Omit<DeadLetter, 'history'> & { readonly history: readonly { at: number; error: string }[] }
  readonly value: unknown
  readonly deliveries?: number
}

/** The message for the application. */
export function toMessage(wire: WireMessage): TopicMessage<unknown> {
  const { partition, priority, offset, time, key, id, headers = {}, dead, value } = wire
  const past =
    dead === undefined
      ? undefined
      : { ...dead, history: dead.history.map(({ at, error }) => ({ at: new Date(at), error })) }
  return { partition, priority, offset, timestamp: new Date(time), key, id, headers, dead: past, value }
}
