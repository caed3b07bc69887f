/**
 * Values in memory in front of the stored ones. It holds what was read or written through it and nothing that a commit has
 * touched since: `drop` and `reset` come from the engine before anything can be read on the new state. It stores nothing.
 */
import type { Clock } from './clock.js'
import { hashOf, type Kept, Policy } from './policy.js'

/** How long an entry may be served; milliseconds since the Unix epoch and durations. */
export interface Terms {
  readonly created: number
  readonly ttl: number | undefined
  readonly sliding: number | undefined
}

/** An entry in memory. */
export interface Held extends Kept, Terms {
  readonly value: unknown
  readonly negative: boolean
  /** Until when it is fresh; Infinity without an end. */
  expires: number
  /** When its last use was stored. */
  touched: number
  /** Whether a use was noted since the last report. */
  used: boolean
}

/** A read or write on its way: what it brings is not kept if the entry was touched meanwhile. */
export interface Ticket {
  /** The last position at which the entry was touched; Infinity after a reset. */
  touched: number
}

/** Uses remembered for the next write. */
const USED_MAX = 256

/** Until when an entry is fresh, used last at `touched`. */
export function freshUntil({ created, ttl, sliding }: Terms, touched: number): number {
  const absolute = ttl === undefined ? Infinity : created + ttl
  return sliding === undefined ? absolute : Math.min(absolute, touched + sliding)
}

/** The entries of one cache in memory. */
export class Memory {
  evictions = 0
  readonly #clock: Clock
  readonly #entries = new Map<string, Held>()
  readonly #tickets = new Map<string, Set<Ticket>>()
  readonly #policy: Policy
  #used: string[] = []

  constructor(capacity: number, clock: Clock) {
    this.#clock = clock
    this.#policy = new Policy(capacity, (kept) => {
      this.evictions++
      this.#entries.delete(kept.key)
    })
  }

  get entries(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#policy.weight
  }

  /** The entry if it is there and fresh. A use. */
  get(key: string): Held | undefined {
    const held = this.#entries.get(key)
    if (held === undefined) return undefined
    if (held.expires !== Infinity) {
      const now = this.#clock.now()
      if (now >= held.expires) return undefined
      if (held.sliding !== undefined) held.expires = freshUntil(held, now)
    }
    this.#policy.hit(held)
    if (!held.used && this.#used.length < USED_MAX) {
      held.used = true
      this.#used.push(key)
    }
    return held
  }

  /** The entry, fresh or not. No use. */
  look(key: string): Held | undefined {
    return this.#entries.get(key)
  }

  /** Keys used since the last call. */
  takeUsed(): string[] {
    const used = this.#used
    this.#used = []
    for (const key of used) {
      const held = this.#entries.get(key)
      if (held !== undefined) held.used = false
    }
    return used
  }

  /** Notes that something about `key` is on its way. */
  begin(key: string): Ticket {
    const ticket: Ticket = { touched: 0 }
    const tickets = this.#tickets.get(key)
    if (tickets === undefined) this.#tickets.set(key, new Set([ticket]))
    else tickets.add(ticket)
    return ticket
  }

  /** It has arrived. Answers whether it is still true, as of position `position`. */
  end(key: string, ticket: Ticket, position = 0): boolean {
    const tickets = this.#tickets.get(key)
    tickets?.delete(ticket)
    if (tickets?.size === 0) this.#tickets.delete(key)
    return ticket.touched <= position
  }

  /** Keeps an entry, if the policy wants it. */
  keep(
    key: string,
    value: unknown,
    weight: number,
    terms: Terms & { readonly touched: number },
    negative: boolean,
  ): void {
    this.#remove(key)
    const { created, ttl, sliding, touched } = terms
    const links = { list: undefined, before: undefined, after: undefined }
    const expires = freshUntil(terms, touched)
    const hash = hashOf(key)
    const held: Held = {
      ...{ key, value, weight, hash, negative, created, ttl, sliding, touched, expires, used: false },
      ...links,
    }
    this.#entries.set(key, held)
    this.#policy.add(held)
  }

  /** A commit at `position` stored or removed the entry. Answers whether it was here. */
  drop(key: string, position: number): boolean {
    for (const ticket of this.#tickets.get(key) ?? []) ticket.touched = Math.max(ticket.touched, position)
    return this.#remove(key)
  }

  /** Anything may have changed. */
  reset(): void {
    for (const tickets of this.#tickets.values()) for (const ticket of tickets) ticket.touched = Infinity
    for (const key of [...this.#entries.keys()]) this.#remove(key)
  }

  #remove(key: string): boolean {
    const held = this.#entries.get(key)
    if (held === undefined) return false
    this.#entries.delete(key)
    this.#policy.remove(held)
    return true
  }
}
