/** Messages in a consumer's hands, and what is said of them, gathered until the next turn takes it to the engine. */
import { TidewellError, toError } from '../errors.js'
import type { HostSignal } from '../types/signal.js'
import { toMessage, type WireMessage } from './message.js'
import type { HeldMessage, TopicMessage } from './options.js'

/** What may be said of a message. */
export type Verdict = 'ack' | 'nack' | 'extend' | 'release'

/** Something that was said and is not committed yet. */
interface Said {
  readonly row: readonly (number | string | null)[]
  readonly resolve: () => void
  readonly reject: (error: TidewellError) => void
}

const ORDER: readonly Verdict[] = ['ack', 'nack', 'extend', 'release']

/** What was said of messages since the last turn. */
export class SaidLists {
  readonly #lists: Record<Verdict, Said[]> = { ack: [], nack: [], extend: [], release: [] }

  get isEmpty(): boolean {
    return ORDER.every((verdict) => this.#lists[verdict].length === 0)
  }

  add(verdict: Verdict, row: Said['row']): Promise<void> {
    return new Promise((resolve, reject) => this.#lists[verdict].push({ row, resolve, reject }))
  }

  /** Refuses what was said of messages with these offsets. */
  refuse(offsets: ReadonlySet<number>): void {
    for (const verdict of ORDER)
      this.#lists[verdict] = this.#lists[verdict].filter(({ row, reject }) => {
        const isRefused = offsets.has(row[2] as number)
        if (isRefused) reject(notHeld())
        return !isRefused
      })
  }

  /** Takes everything out: the fields of a command, and what to do with its answer. */
  take(): {
    fields: Record<string, unknown>
    settle: (refused: readonly number[]) => void
    fail: (e: unknown) => void
  } {
    const fields: Record<string, unknown> = {}
    const all: Said[] = []
    for (const verdict of ORDER) {
      const list = this.#lists[verdict]
      if (list.length === 0) continue
      fields[verdict] = list.map(({ row }) => row)
      all.push(...list)
      this.#lists[verdict] = []
    }
    return {
      fields,
      settle: (refused) => {
        const late = new Set(refused)
        all.forEach(({ resolve, reject }, at) => (late.has(at) ? reject(notHeld()) : resolve()))
      },
      fail: (error) => all.forEach(({ reject }) => reject(toError(error))),
    }
  }
}

/** The error for who does not hold a message any more. */
export function notHeld(): TidewellError {
  return new TidewellError(
    'conflict',
    'the message is not held by this consumer any more: it took too long, and another one may have it',
    { reason: 'not-held' },
  )
}

/** A message in a consumer's hands. */
export class Held implements HeldMessage<unknown> {
  readonly partition: number
  readonly priority: number
  readonly offset: number
  readonly value: unknown
  readonly key: string | undefined
  readonly id: string | undefined
  readonly headers: HeldMessage<unknown>['headers']
  readonly timestamp: Date
  readonly dead: HeldMessage<unknown>['dead']
  readonly deliveries: number
  /** Until when it is held, by the monotonic clock. */
  deadline: number
  /** The transaction of its handler acknowledges it. */
  inTransaction = false
  readonly #say: (held: Held, verdict: Verdict, more: readonly (number | string | null)[]) => Promise<void>
  #controller: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #over = false

  constructor(
    wire: WireMessage,
    deadline: number,
    say: (held: Held, verdict: Verdict, more: readonly (number | string | null)[]) => Promise<void>,
  ) {
    const message: TopicMessage<unknown> = toMessage(wire)
    this.partition = message.partition
    this.priority = message.priority
    this.offset = message.offset
    this.value = message.value
    this.key = message.key
    this.id = message.id
    this.headers = message.headers
    this.timestamp = message.timestamp
    this.dead = message.dead
    this.deliveries = wire.deliveries ?? 1
    this.deadline = deadline
    this.#say = say
  }

  /** How the engine names this delivery. */
  get row(): readonly number[] {
    return [this.partition, this.priority, this.offset, this.deliveries]
  }

  /** Whether the time is over. */
  get isLate(): boolean {
    return performance.now() >= this.deadline
  }

  get signal(): HostSignal {
    this.#controller ??= new AbortController()
    this.#watch()
    return this.#controller.signal as unknown as HostSignal
  }

  #watch(): void {
    clearTimeout(this.#timer)
    if (this.#over || this.isLate) return this.#controller?.abort()
    this.#timer = setTimeout(() => this.#watch(), this.deadline - performance.now() + 1)
  }

  /** It is in these hands no more. */
  end(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }

  /** Somebody else may have it: whoever works on it is told. */
  lose(): void {
    this.end()
    this.#controller?.abort()
  }

  ack(): Promise<void> {
    return this.#say(this, 'ack', [])
  }

  nack({ delay, error }: { readonly delay?: number | undefined; readonly error?: unknown } = {}): Promise<void> {
    const text = error === undefined ? '' : toError(error).message
    return this.#say(this, 'nack', [delay === undefined ? null : Math.max(0, Math.ceil(delay)), text])
  }

  async extend(ms: number): Promise<void> {
    const whole = Math.max(1, Math.ceil(ms))
    await this.#say(this, 'extend', [whole])
    this.deadline = performance.now() + whole
    if (this.#controller !== undefined) this.#watch()
  }
}
