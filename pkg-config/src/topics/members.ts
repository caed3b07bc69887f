/**
 * Which consumers of other tabs live. A tab that is killed lets go of its Web Locks at once; one that is frozen keeps them, and does
 * not answer. Either way the messages it holds are handed out to others. Nothing depends on being right here: a tab that wakes up after
 * all is refused by the engine.
 */
import type { ConsumerCore } from './consumer.js'

const PING_MS = 250
/** Who did not answer so many pings is given up. */
const MISSED_MAX = 3
/** Between two pings more than this: this tab stood still itself. */
const STOOD_STILL_MS = 2 * PING_MS + 150

interface Seen {
  readonly topic: number
  readonly group: number
  readonly member: number
  missed: number
  readonly watch: AbortController
  evicted: boolean
}

type Names = readonly (readonly [topic: number, group: number, member: number])[]
type Note =
  | { readonly kind: 'ping' }
  | { readonly kind: 'here'; readonly members: Names }
  | { readonly kind: 'bye'; readonly members: Names }

/** What is used of Web Locks. */
interface Locks {
  request(name: string, options: { signal?: AbortSignal }, held: () => Promise<unknown>): Promise<unknown>
  query(): Promise<{ held?: { name?: string }[] }>
}

/** The consumers of this tab and what is known of others. */
export class Members {
  readonly #prefix: string
  readonly #channel: BroadcastChannel
  readonly #locks: Locks | undefined
  readonly #evict: (topic: number, group: number, member: number) => void
  readonly #own = new Map<ConsumerCore, () => void>()
  readonly #others = new Map<string, Seen>()
  #timer: ReturnType<typeof setInterval> | undefined
  #lastTick = 0

  constructor(database: string, evict: (topic: number, group: number, member: number) => void) {
    this.#prefix = `tidewell/${database}/consumer/`
    this.#channel = new BroadcastChannel(`tidewell/${database}/consumers`)
    this.#locks = (globalThis.navigator as { locks?: Locks } | undefined)?.locks
    this.#evict = evict
    this.#channel.onmessage = (event: MessageEvent<Note>) => this.#hear(event.data)
  }

  join(consumer: ConsumerCore): void {
    const { topic, group, member } = consumer
    let leave: () => void = () => undefined
    const left = new Promise<void>((resolve) => (leave = resolve))
    this.#own.set(consumer, leave)
    this.#locks?.request(`${this.#prefix}${topic}/${group}/${member}`, {}, () => left).catch(() => undefined)
    this.#say({ kind: 'here', members: [[topic, group, member]] })
    this.#say({ kind: 'ping' })
    this.#lookAround().catch(() => undefined)
  }

  leave(consumer: ConsumerCore): void {
    const { topic, group, member } = consumer
    this.#say({ kind: 'bye', members: [[topic, group, member]] })
    this.#own.get(consumer)?.()
    this.#own.delete(consumer)
    for (const [name, seen] of this.#others) if (!this.#shares(seen.topic, seen.group)) this.#forget(name, seen)
  }

  close(): void {
    for (const [name, seen] of this.#others) this.#forget(name, seen)
    this.#channel.close()
  }

  /** Consumers that hold a lock but will never say so: of tabs that were frozen before this one came. */
  async #lookAround(): Promise<void> {
    const { held = [] } = (await this.#locks?.query()) ?? {}
    for (const { name = '' } of held) {
      if (!name.startsWith(this.#prefix)) continue
      const [topic, group, member] = name.slice(this.#prefix.length).split('/').map(Number)
      if (topic !== undefined && group !== undefined && member !== undefined) this.#meet(topic, group, member, false)
    }
  }

  #say(note: Note): void {
    this.#channel.postMessage(note)
  }

  #hear(note: Note): void {
    if (note.kind === 'ping') {
      const members = [...this.#own.keys()].map(({ topic, group, member }) => [topic, group, member] as const)
      if (members.length > 0) this.#say({ kind: 'here', members })
      return
    }
    for (const [topic, group, member] of note.members) {
      if (note.kind === 'here') this.#meet(topic, group, member, true)
      else {
        const name = `${topic}/${group}/${member}`
        const seen = this.#others.get(name)
        if (seen !== undefined) this.#forget(name, seen)
      }
    }
  }

  #shares(topic: number, group: number): boolean {
    for (const own of this.#own.keys()) if (own.topic === topic && own.group === group) return true
    return false
  }

  #isOwn(member: number): boolean {
    for (const own of this.#own.keys()) if (own.member === member) return true
    return false
  }

  #meet(topic: number, group: number, member: number, heard: boolean): void {
    if (!this.#shares(topic, group) || this.#isOwn(member)) return
    const name = `${topic}/${group}/${member}`
    const known = this.#others.get(name)
    if (known !== undefined) {
      if (heard) {
        known.missed = 0
        known.evicted = false
      }
      return
    }
    const seen: Seen = { topic, group, member, missed: 0, watch: new AbortController(), evicted: false }
    this.#others.set(name, seen)
    // Granted when its tab is gone.
    this.#locks
      ?.request(`${this.#prefix}${name}`, { signal: seen.watch.signal }, async () => {
        if (!this.#others.has(name)) return
        this.#forget(name, seen)
        this.#evict(topic, group, member)
      })
      .catch(() => undefined)
    if (this.#timer === undefined) {
      this.#lastTick = performance.now()
      this.#timer = setInterval(() => this.#tick(), PING_MS)
    }
  }

  #forget(name: string, seen: Seen): void {
    this.#others.delete(name)
    seen.watch.abort()
    if (this.#others.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    const now = performance.now()
    const stoodStill = now - this.#lastTick > STOOD_STILL_MS
    this.#lastTick = now
    for (const seen of this.#others.values()) {
      seen.missed = stoodStill ? 0 : seen.missed + 1
      if (seen.missed < MISSED_MAX || seen.evicted) continue
      seen.evicted = true
      this.#evict(seen.topic, seen.group, seen.member)
    }
    if (stoodStill) for (const own of this.#own.keys()) own.suspect()
    this.#say({ kind: 'ping' })
  }
}
