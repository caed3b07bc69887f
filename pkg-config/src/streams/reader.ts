/** Messages of the sources of a stream, in one order: as they were published. A batch at a time, so memory holds no more than that. */
import type { TopicHub } from '../topics/hub.js'
import { toMessage, type WireMessage } from '../topics/message.js'
import type { Start, TopicMessage } from '../topics/options.js'
import type { Signal } from '../types/signal.js'
import type { SourcePlan } from './plan.js'

/** A message, and of which source. */
export interface Fetched {
  readonly source: number
  readonly message: TopicMessage<unknown>
}

/** Messages, and where the sources are behind them. */
export interface Fetch {
  readonly messages: readonly Fetched[]
  readonly next: Readonly<Record<string, number>>
}

interface Page {
  readonly messages: WireMessage[]
  readonly next: number
  readonly end: boolean
  /** What was published up to then is in the topic. */
  readonly clock: Instant
}

/** When something was published: the millisecond, and which commit of it. */
type Instant = readonly [time: number, tick: number]

const isBefore = (one: Instant, other: Instant): boolean =>
  one[0] < other[0] || (one[0] === other[0] && one[1] < other[1])

export class Reader {
  readonly #hub: TopicHub
  readonly #sources: readonly SourcePlan[]
  #numbers: readonly number[] = []
  /** What was known of each topic before it was read. */
  #seen: readonly number[] = []

  constructor(hub: TopicHub, sources: readonly SourcePlan[]) {
    this.#hub = hub
    this.#sources = sources
  }

  /** Opens the topics, with the options that the application gave. */
  async open(): Promise<void> {
    for (const { topic } of this.#sources) await topic?.stats()
    this.#numbers = await Promise.all(this.#sources.map(({ name }) => this.#hub.topic(name, undefined).number()))
  }

  /** Up to `limit` messages from there on. */
  async fetch(from: Readonly<Record<string, number>>, limit: number): Promise<Fetch> {
    this.#seen = this.#numbers.map((number) => this.#hub.published(number))
    const pages = await Promise.all(
      this.#sources.map(({ name }, at) => this.#page(at, { offset: from[name] ?? 0 }, limit)),
    )
    const taken = pages.map(() => 0)
    const messages: Fetched[] = []
    while (messages.length < limit) {
      const source = earliest(pages, taken)
      if (source === undefined) break
      const wire = pages[source]?.messages[(taken[source] as number)++]
      messages.push({ source, message: toMessage(wire as WireMessage) })
    }
    const next: Record<string, number> = { ...from }
    this.#sources.forEach(({ name }, at) => {
      const { messages: all, next: behind } = pages[at] as Page
      next[name] = all[taken[at] as number]?.offset ?? behind
    })
    return { messages, next }
  }

  /** The offset at which a source begins. */
  async startOf(at: number, start: Start): Promise<number> {
    if (start === 'end') return this.end(at)
    const from = typeof start === 'string' ? { from: start } : 'time' in start ? { time: start.time.getTime() } : start
    const { messages, next } = await this.#page(at, from, 1)
    return messages[0]?.offset ?? next
  }

  /** The offset behind the last message of a source. */
  async end(at: number): Promise<number> {
    const topic = this.#hub.topic((this.#sources[at] as SourcePlan).name, undefined)
    return (await topic.stats()).next
  }

  /** Resolves when something was published after the last fetch, when `signal` fires, or when the database was closed. */
  async published(signal: Signal): Promise<void> {
    const waits = this.#numbers.map((number, at) => this.#hub.publishedPast(number, this.#seen[at] ?? 0, signal))
    await Promise.race(waits.map((wait) => wait.catch(() => undefined)))
  }

  async #page(at: number, from: Readonly<Record<string, unknown>>, limit: number): Promise<Page> {
    const command = { op: 'topicRead', topic: this.#numbers[at], limit, ...from }
    return (await this.#hub.session.read(command, 'stream')) as Page
  }
}

/** Of which source the next message is; undefined if that cannot be said yet. */
function earliest(pages: readonly Page[], taken: readonly number[]): number | undefined {
  let found: number | undefined
  let least: Instant = [Infinity, 0]
  for (const [at, { messages, end }] of pages.entries()) {
    const message = messages[taken[at] as number]
    // The page is through, and the topic goes on: its next message may be the earliest.
    if (message === undefined && !end) return undefined
    if (message === undefined) continue
    const instant: Instant = [message.time, message.tick ?? 0]
    if (!isBefore(instant, least)) continue
    least = instant
    found = at
  }
  // A page that was read before may lack what was published before this message.
  return pages.some(({ clock }) => isBefore(clock, least)) ? undefined : found
}
