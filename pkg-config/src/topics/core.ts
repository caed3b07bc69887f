/** A topic: its commands. Consumers are in `consumer.ts`; what happens to messages is the engine's (`src/core/topics`). */
import { throwIfAborted } from '../abort.js'
import { checkNumber, defined } from '../cache/options.js'
import { invalid, toError } from '../errors.js'
import type { Session } from '../session.js'
import type { WriteOptions } from '../types/options.js'
import { ConsumerCore } from './consumer.js'
import type { TopicHub } from './hub.js'
import { toMessage, type WireMessage } from './message.js'
import type {
  ConsumeOptions,
  GroupStats,
  MessagePlace,
  NewMessage,
  Published,
  PublishOptions,
  ReadMessages,
  ScheduledMessage,
  Start,
  TopicMessage,
  TopicOptions,
  TopicStats,
} from './options.js'

/** Scheduled messages due later than this are not waited for: a timer of the host cannot be longer. */
const FAR_MS = 2 ** 31 - 1
const PAGE = 256

type Answer = Record<string, unknown>

/** @internal */
export class TopicCore {
  readonly name: string
  readonly hub: TopicHub
  readonly #opening: { readonly op: string } & Answer
  #number: Promise<number> | undefined

  constructor(name: string, hub: TopicHub, opening: { readonly op: string } & Answer) {
    this.name = name
    this.hub = hub
    this.#opening = opening
  }

  /** Whether that is how it is opened. */
  isOpenedBy(opening: Answer): boolean {
    return JSON.stringify(opening) === JSON.stringify(this.#opening)
  }

  /** The engine's number of this topic; asks for it the first time. */
  number(): Promise<number> {
    this.#number ??= this.write(this.#opening).then(
      ({ topic }) => topic as number,
      (error: unknown) => {
        this.#number = undefined
        throw error
      },
    )
    return this.#number
  }

  async write(command: { readonly op: string } & Answer, options?: WriteOptions): Promise<Answer> {
    const written = this.hub.session.write(command, 'topic', options)
    return (await written.catch((error: unknown) => this.#lost(error))) as Answer
  }

  /** Calls a method for the application; `session` is the transaction's where there is one. */
  async call(session: Session, method: string, args: readonly unknown[]): Promise<unknown> {
    session.check()
    return this.#call(session, method, args).catch((error: unknown) => this.#lost(error))
  }

  /** Somebody dropped the topic: whoever uses its name next begins a new one. */
  #lost(error: unknown): never {
    if (toError(error).reason === 'unknown-topic') this.#number = undefined
    throw error
  }

  async #call(session: Session, method: string, args: readonly unknown[]): Promise<unknown> {
    if (method === 'publish') {
      const [value, { durability, ...rest } = {}] = args as [unknown, PublishOptions?]
      return (await this.#publish(session, [{ ...rest, value }], { durability }))[0]
    }
    if (method === 'publishMany') return this.#publish(session, ...(args as [NewMessage<unknown>[], WriteOptions?]))
    const methods = this as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    return methods[method]?.(...args)
  }

  async #publish(
    session: Session,
    messages: readonly NewMessage<unknown>[],
    options: WriteOptions = {},
  ): Promise<readonly Published[]> {
    if (!Array.isArray(messages)) throw invalid('publishMany: messages must be an array')
    const topic = await this.number()
    const wire = messages.map((message) => toWire(message, this.hub.newId))
    if (wire.length === 0) return []
    const answer = (await session.write({ op: 'topicPublish', topic, messages: wire }, 'publish', options)) as {
      published?: ([number, number] | number | null)[]
    }
    return (answer.published ?? []).map((one, at) => {
      if (one === null) return { duplicate: true }
      if (typeof one === 'number') return { id: String(wire[at]?.['id']), scheduled: true }
      return { partition: one[0], offset: one[1] }
    })
  }

  async schedule(
    id: string,
    expression: string,
    value: unknown,
    { timeZone, durability, ...options }: PublishOptions & { readonly timeZone?: string | undefined } = {},
  ): Promise<void> {
    const { nextDelay } = await import('./cron.js')
    const cron = JSON.stringify(timeZone === undefined ? [expression] : [expression, timeZone])
    const delay = nextDelay(cron)
    if (delay === undefined) throw invalid(`schedule: ${JSON.stringify(expression)} never comes`, 'bad-cron')
    const message = toWire({ ...options, value }, this.hub.newId)
    await this.write(
      { op: 'topicSchedule', topic: await this.number(), id: checkText('schedule: id', id), cron, delay, message },
      { durability },
    )
    this.hub.tend(this)
  }

  /** Repeated messages are due: publishes them, and says when the next time is. */
  async fire(crons: readonly { id: string; cron: string; due: number }[]): Promise<void> {
    const { nextDelay } = await import('./cron.js')
    for (const { id, cron, due } of crons)
      await this.write(
        defined({ op: 'topicFire', topic: await this.number(), id, due, delay: nextDelay(cron) }) as never,
      )
  }

  async cancel(id: string): Promise<boolean> {
    const answer = await this.write({ op: 'topicCancel', topic: await this.number(), id: checkText('cancel: id', id) })
    return answer['cancelled'] === 1
  }

  async scheduled(): Promise<ScheduledMessage<unknown>[]> {
    const { now, messages } = (await this.hub.session.read(
      { op: 'topicScheduled', topic: await this.number() },
      'topic',
    )) as {
      now: number
      messages: { id: string; due: number; cron?: string; key?: string; priority: number; value: unknown }[]
    }
    return messages.map(({ id, due, cron, key, priority, value }) => ({
      id,
      dueIn: Math.max(0, due - now),
      cron: cron === undefined ? undefined : (JSON.parse(cron) as string[])[0],
      key,
      priority,
      value,
    }))
  }

  async seek(group: string, from: Start): Promise<void> {
    const found = await this.group(group, {}, false)
    await this.write({ op: 'topicSeek', topic: await this.number(), group: found.group, ...startOf(from) })
  }

  async pause(group: string): Promise<void> {
    await this.group(group, { paused: true }, false)
  }

  async resume(group: string): Promise<void> {
    await this.group(group, { paused: false }, false)
  }

  /** The group of that name, as it is wished. */
  async group(name: string, wishes: Answer, create: boolean): Promise<{ group: number; ackDeadline: number }> {
    if (typeof name !== 'string' || name === '')
      throw invalid('topic: the name of a group must be a string that is not empty')
    const topic = await this.number()
    return (await this.write({ op: 'topicGroup', topic, name, create, ...wishes })) as never
  }

  async drop(): Promise<boolean> {
    const answer = await this.write({ op: 'topicDrop', name: this.name })
    this.#number = undefined
    return answer['dropped'] === 1
  }

  async dropGroup(name: string): Promise<boolean> {
    const group = checkText('dropGroup: the name of a group', name)
    const answer = await this.write({ op: 'topicDropGroup', topic: await this.number(), name: group })
    return answer['dropped'] === 1
  }

  requeue(messages: readonly MessagePlace[]): Promise<number> {
    return this.#places('topicRequeue', messages)
  }

  remove(messages: readonly MessagePlace[]): Promise<number> {
    return this.#places('topicRemove', messages)
  }

  async #places(op: 'topicRequeue' | 'topicRemove', messages: readonly MessagePlace[]): Promise<number> {
    const places = messages.map(({ partition, priority, offset }) => [partition, priority, offset])
    const answer = await this.write({ op, topic: await this.number(), messages: places })
    return (answer['requeued'] ?? answer['removed']) as number
  }

  async stats(): Promise<TopicStats> {
    const answer = (await this.hub.session.read(
      { op: 'topicStats', topic: await this.number() },
      'topic',
    )) as TopicStats
    const groups = answer.groups.map((group) => {
      const oldest = group.oldest as unknown as number | undefined
      return { ...group, oldest: oldest === undefined ? undefined : new Date(oldest) } satisfies GroupStats
    })
    return { ...answer, groups }
  }

  async read(options: ReadMessages = {}): Promise<AsyncGenerator<TopicMessage<unknown>>> {
    return this.#read(options)
  }

  async *#read({
    from = 'beginning',
    filter,
    follow = false,
    signal,
  }: ReadMessages): AsyncGenerator<TopicMessage<unknown>> {
    const topic = await this.number()
    let start = startOf(from)
    if (follow && from === 'end') start = { offset: (await this.stats()).next }
    for (;;) {
      throwIfAborted(signal)
      const seen = this.hub.published(topic)
      const { messages, next, end } = (await this.hub.session.read(
        { op: 'topicRead', topic, limit: PAGE, ...start },
        'topic',
        { signal },
      )) as { messages: WireMessage[]; next: number; end: boolean }
      for (const wire of messages) {
        const message = toMessage(wire)
        if (filter === undefined || filter(message)) yield message
      }
      start = { offset: next }
      if (end && !follow) return
      if (end) await this.hub.publishedPast(topic, seen, signal)
    }
  }

  async consume(group: string, second?: unknown, third?: unknown): Promise<ConsumerCore> {
    const handler = typeof second === 'function' ? second : third
    const options = (typeof second === 'function' ? {} : (second ?? {})) as ConsumeOptions
    if (typeof options !== 'object') throw invalid('consume: options must be an object')
    if (handler !== undefined && typeof handler !== 'function') throw invalid('consume: the handler must be a function')
    const { from, ackDeadline, maxDeliveries, backoff, deadLetter } = options
    const number = (name: string, value: unknown, least: number) =>
      value === undefined ? undefined : checkNumber(`consume: ${name}`, value, least)
    const maxInFlight = number('maxInFlight', options.maxInFlight ?? 16, 1) as number
    const wishes = defined({
      ...(from === undefined ? {} : startOf(from)),
      ackDeadline: number('ackDeadline', ackDeadline, 1),
      maxDeliveries: number('maxDeliveries', maxDeliveries, 1),
      backoff: number('backoff.min', backoff?.min, 0),
      backoffMax: number('backoff.max', backoff?.max, 0),
      deadLetter: deadLetter === false ? '' : deadLetter,
    })
    const found = await this.group(group, wishes, true)
    return new ConsumerCore(this, await this.number(), found, { ...options, maxInFlight }, handler as never)
  }
}

/** The options of a topic as the engine takes them. */
export function openingOf(name: string, { partitions, retention, compact, dedupeWindow }: TopicOptions) {
  const number = (what: string, value: unknown) =>
    value === undefined ? undefined : checkNumber(`topic: ${what}`, value)
  return {
    op: 'topicOpen',
    name,
    partitions: number('partitions', partitions),
    age: number('retention.age', retention?.age),
    count: number('retention.count', retention?.count),
    bytes: number('retention.bytes', retention?.bytes),
    compact,
    dedupe: number('dedupeWindow', dedupeWindow),
  }
}

function checkText(what: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw invalid(`${what} must be a string that is not empty`)
  return value
}

/** A start as the engine takes it. */
function startOf(from: Start): Answer {
  if (from === 'beginning' || from === 'end') return { from }
  if (typeof from === 'object' && from !== null) {
    if ('offset' in from) return { offset: checkNumber('from: offset', from.offset) }
    if ('time' in from && from.time instanceof Date) return { time: checkNumber('from: time', from.time.getTime()) }
  }
  throw invalid("from must be 'beginning', 'end', { offset } or { time: a Date }")
}

/** A message as the engine takes it. */
function toWire(message: NewMessage<unknown>, newId: () => string): Answer {
  if (typeof message !== 'object' || message === null)
    throw invalid('publish: a message must be an object with a value')
  const { value, key, id, headers, priority, delay, at } = message
  if (value === undefined) throw invalid('publish: undefined is no value: use null')
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers)))
    throw invalid('publish: headers must be an object')
  if (at !== undefined && !(at instanceof Date)) throw invalid('publish: at must be a Date')
  const later = delay ?? (at === undefined ? undefined : Math.max(0, at.getTime() - Date.now()))
  const wait = later === undefined ? undefined : checkNumber('publish: delay', later)
  if (wait !== undefined && wait > FAR_MS * 100) throw invalid('publish: the delay is too long')
  const wire: Answer = { value }
  if (key !== undefined) wire['key'] = checkText('publish: key', key)
  if (id !== undefined) wire['id'] = checkText('publish: id', id)
  else if (wait !== undefined && wait > 0) wire['id'] = newId()
  if (headers !== undefined) wire['headers'] = headers
  if (priority !== undefined) wire['priority'] = checkNumber('publish: priority', priority)
  if (wait !== undefined && wait > 0) wire['delay'] = wait
  return wire
}

/** Whether it is no use to try again. */
export function isFinal(error: unknown): boolean {
  const { code } = toError(error)
  return code !== 'unavailable' && code !== 'quota' && code !== 'conflict'
}
