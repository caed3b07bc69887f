/**
 * A member of a group: it asks for messages, hands them to the application, and takes what is said of them to the engine, many in one
 * commit. Who may have a message is decided there; a consumer that is wrong about it is refused.
 */
import { closed, toError } from '../errors.js'
import type { Transaction } from '../transaction.js'
import { isFinal, type TopicCore } from './core.js'
import { Held, notHeld, SaidLists, type Verdict } from './held.js'
import type { WireMessage } from './message.js'
import type { ConsumeOptions, HeldMessage } from './options.js'

/** After a turn that failed. */
const RETRY_MS = 200
/** The longest timer of a host. */
const TIMER_MAX_MS = 2 ** 31 - 1
/** Errors of handlers are kept with the message, this much of them. */
const ERROR_MAX = 1000

type Handler = (message: HeldMessage<unknown>, tx?: Transaction) => unknown

interface TurnAnswer {
  readonly messages?: WireMessage[]
  readonly refused?: number[]
  readonly crons?: { id: string; cron: string; due: number }[]
  readonly next?: number
}

/** @internal */
export class ConsumerCore {
  readonly topic: number
  readonly group: number
  /** Who it is to the engine. */
  readonly member: number
  readonly done: Promise<void>
  readonly #core: TopicCore
  readonly #options: ConsumeOptions & { readonly maxInFlight: number; readonly transactional?: boolean }
  readonly #handler: Handler | undefined
  readonly #ackMs: number
  readonly #said = new SaidLists()
  readonly #held = new Set<Held>()
  /** Messages that nobody has asked for yet. */
  #queue: Held[] = []
  #asks = 0
  /** When a loop last asked for a message. */
  #askedAt = -Infinity
  /** Whether there may be messages. */
  #dirty = true
  #stopping = false
  #ended = false
  #wake: () => void = () => undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueAt = Infinity
  #running = 0
  /** Whether a loop may hold messages. */
  #looping = false
  #waiters: (() => void)[] = []

  constructor(
    core: TopicCore,
    topic: number,
    found: { readonly group: number; readonly ackDeadline: number },
    options: ConsumeOptions & { readonly maxInFlight: number },
    handler: Handler | undefined,
  ) {
    this.topic = topic
    this.group = found.group
    this.member = 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1))
    this.#core = core
    this.#options = options
    this.#handler = handler
    this.#ackMs = found.ackDeadline
    this.done = this.#run()
    if (options.signal?.aborted === true) void this.stop()
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = () => void this.stop()

  /** There may be messages. */
  hear(): void {
    this.#dirty = true
    this.#wake()
  }

  /** Nobody has begun with what waits here, and this tab or its loop stands still: somebody else may have it. */
  suspect(): void {
    for (const held of this.#queue.splice(0)) this.#let(held, 'release')
    this.hear()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const held of this.#queue.splice(0)) this.#let(held, 'release')
    this.#wake()
    for (const waiter of this.#waiters.splice(0)) waiter()
    await this.done.catch(() => undefined)
  }

  /** The database is being closed: nobody waits for handlers. */
  async abandon(): Promise<void> {
    for (const held of this.#held) {
      this.#let(held, 'release')
      held.lose()
    }
    this.#running = 0
    this.#looping = false
    await this.stop()
  }

  async #run(): Promise<void> {
    const { hub } = this.#core
    hub.join(this)
    try {
      while (!this.#stopping || !this.#said.isEmpty || this.#isBusy) {
        const room = this.#stopping ? 0 : this.#room()
        const asks = this.#dirty && room > 0
        if (this.#said.isEmpty && !asks) await this.#rest()
        else await this.#turn(asks ? room : 0)
      }
    } catch (thrown) {
      const error = toError(thrown)
      if (error.code !== 'closed' || !this.#stopping) {
        if (this.#handler !== undefined && error.code !== 'closed') hub.report(error)
        throw error
      }
    } finally {
      this.#ended = true
      clearTimeout(this.#timer)
      this.#options.signal?.removeEventListener('abort', this.#onAbort)
      for (const held of this.#held) held.lose()
      this.#said.take().fail(closed('the consumer'))
      for (const waiter of this.#waiters.splice(0)) waiter()
      hub.leave(this)
    }
  }

  /** Whether the application works on a message. */
  get #isBusy(): boolean {
    return this.#running > 0 || (this.#looping && this.#held.size > 0)
  }

  /** Whether its handler works on a message, or might get one at once. */
  get isActive(): boolean {
    if (this.#ended || this.#handler === undefined) return false
    return this.#running > 0 || !this.#said.isEmpty || (this.#dirty && this.#room() > 0)
  }

  /** Whether nobody is there for messages: there is no handler, and no loop has asked for long. */
  get #standsStill(): boolean {
    return this.#handler === undefined && this.#asks === 0 && performance.now() - this.#askedAt > this.#ackMs / 2
  }

  /** How many messages it may ask for. */
  #room(): number {
    if (this.#standsStill) return 0
    const { maxInFlight } = this.#options
    let count = 0
    for (const held of this.#held) if (!held.isLate) count++
    return maxInFlight - count
  }

  /** Waits until something is said, heard or due. */
  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      const now = performance.now()
      let at = this.#dueAt
      for (const held of this.#held) at = Math.min(at, held.deadline)
      for (const held of this.#queue) at = Math.min(at, held.deadline - this.#ackMs / 2)
      clearTimeout(this.#timer)
      if (at === Infinity || this.#core.hub.wakeIn(at - now)) return
      this.#timer = setTimeout(() => this.#expire(), Math.min(TIMER_MAX_MS, Math.max(0, at - now) + 1))
    })
  }

  /** Some time came: of a delayed message, of a held one, of one that waits here too long for its turn. */
  #expire(): void {
    const now = performance.now()
    if (now >= this.#dueAt) {
      this.#dueAt = Infinity
      this.#dirty = true
    }
    for (const held of [...this.#held]) {
      if (!held.isLate) continue
      this.#held.delete(held)
      this.#queue = this.#queue.filter((one) => one !== held)
      held.lose()
      this.#dirty = true
    }
    if (this.#standsStill) this.suspect()
    for (const held of this.#queue) {
      if (held.deadline - this.#ackMs / 2 > now) continue
      held.deadline = now + this.#ackMs
      this.#said.add('extend', [...held.row, this.#ackMs]).catch(() => this.#drop(held))
    }
    this.#wake()
  }

  #drop(held: Held): void {
    this.#queue = this.#queue.filter((one) => one !== held)
    this.#held.delete(held)
    held.lose()
  }

  async #turn(max: number): Promise<void> {
    const { fields, settle, fail } = this.#said.take()
    this.#dirty &&= max === 0
    const { topic, group, member } = this
    const begun = performance.now()
    // What it gets is handed out anew after that, if this instance is gone.
    if (max > 0) this.#core.hub.wakeIn(this.#ackMs)
    let answer: TurnAnswer
    try {
      answer = (await this.#core.write({ op: 'topicTurn', topic, group, member, max, ...fields })) as TurnAnswer
    } catch (error) {
      fail(error)
      if (isFinal(error)) throw error
      this.#dirty ||= max > 0
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      return
    }
    settle(answer.refused ?? [])
    if (max === 0) return
    const { messages = [], crons = [], next } = answer
    if (messages.length >= max) this.#dirty = true
    if (next !== undefined) this.#dueAt = Math.min(this.#dueAt, performance.now() + next)
    this.#outdate(messages)
    for (const wire of messages) this.#receive(wire, begun + this.#ackMs)
    if (crons.length > 0)
      this.#core.fire(crons).then(
        () => this.hear(),
        (error: unknown) => this.#core.hub.report(toError(error)),
      )
  }

  /** What is handed out again is held no more by who had it before, whose word is not for the new delivery. */
  #outdate(messages: readonly WireMessage[]): void {
    const offsets = new Set(messages.map(({ offset }) => offset))
    for (const held of this.#held) if (offsets.has(held.offset)) this.#drop(held)
    this.#said.refuse(offsets)
  }

  #receive(wire: WireMessage, deadline: number): void {
    const held = new Held(wire, deadline, (one, verdict, more) => this.#say(one, verdict, more))
    this.#held.add(held)
    if (this.#options.filter !== undefined) {
      let wanted = true
      try {
        wanted = this.#options.filter(held)
      } catch (error) {
        return void held.nack({ error }).catch(() => undefined)
      }
      if (!wanted) return this.#let(held, 'ack')
    }
    if (this.#stopping) return this.#let(held, 'release')
    if (this.#handler !== undefined) return void this.#handle(held, this.#handler)
    this.#queue.push(held)
    if (this.#asks > 0) this.#waiters.shift()?.()
  }

  #say(held: Held, verdict: Verdict, more: readonly (number | string | null)[]): Promise<void> {
    if (!this.#held.has(held) || this.#ended) return Promise.reject(this.#ended ? closed('the consumer') : notHeld())
    if (verdict === 'ack' && held.inTransaction) return Promise.resolve()
    if (verdict !== 'extend') {
      this.#held.delete(held)
      held.end()
    }
    const said = this.#said.add(verdict, [...held.row, ...more])
    this.#wake()
    return said
  }

  /** Says it, and nobody waits. */
  #let(held: Held, verdict: 'ack' | 'release'): void {
    this.#say(held, verdict, []).catch(() => undefined)
  }

  async #handle(held: Held, handler: Handler): Promise<void> {
    this.#running++
    try {
      if (this.#options.transactional === true) await this.#transact(held, handler)
      else {
        await handler(held)
        if (this.#held.has(held)) await held.ack()
      }
    } catch (error) {
      // Whoever took too long was told; the message is on its way to somebody else.
      const text = toError(error).message.slice(0, ERROR_MAX)
      if (this.#held.has(held)) await held.nack({ error: text }).catch(() => undefined)
    } finally {
      this.#running = Math.max(0, this.#running - 1)
      this.#wake()
    }
  }

  /** The handler's writes and the acknowledgement in one commit. */
  async #transact(held: Held, handler: Handler): Promise<void> {
    const { hub } = this.#core
    const { topic, group, member } = this
    await hub.settled()
    held.inTransaction = true
    await hub.atomically(hub.session, {}, async (session) => {
      await handler(held, hub.transaction(session))
      if (!this.#held.has(held)) throw notHeld()
      await session.write({ op: 'topicTurn', topic, group, member, ack: [held.row] }, 'topic')
    })
    this.#held.delete(held)
    held.end()
    this.hear()
  }

  /** Messages for a loop. */
  async *messages(): AsyncGenerator<HeldMessage<unknown>, void, undefined> {
    const { signal } = this.#options
    this.#looping = true
    try {
      for (;;) {
        this.#askedAt = performance.now()
        const held = this.#queue.shift()
        if (held !== undefined) {
          if (held.isLate) this.#drop(held)
          else yield held
          continue
        }
        if (this.#ended || this.#stopping) break
        this.#asks++
        this.#wake()
        await new Promise<void>((resolve) => this.#waiters.push(resolve))
        this.#asks--
      }
      if (signal?.aborted !== true) await this.done
    } finally {
      this.#looping = false
      for (const held of this.#queue.splice(0)) this.#let(held, 'release')
      // What the loop left unsettled has failed.
      for (const held of this.#held)
        held.nack({ error: 'its loop was left before it was settled' }).catch(() => undefined)
      await this.stop()
    }
  }
}
