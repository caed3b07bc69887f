/**
 * What stays in memory: W-TinyLFU (Einziger, Eytan, Manes, Friedman: Adaptive Software Cache Management, Middleware 2018) with
 * weights. A window takes every newcomer in order of use; what falls out of it enters the main part only if it was asked for
 * more often than what it would push out. The window's share follows the hit ratio. It knows no values and no time.
 */

/** A thing the policy keeps, as a link of one of its lists. */
export interface Kept {
  readonly key: string
  /** What it counts against the capacity. */
  readonly weight: number
  /** {@link hashOf} its key. */
  readonly hash: number
  list: List | undefined
  before: Kept | undefined
  after: Kept | undefined
}

/** The share of the window at the beginning, of the protected part in the main one, and of one step of adaptation. */
const WINDOW = 0.01
const PROTECTED = 0.8
const STEP = 0.0625
const STEP_DECAY = 0.96
/** A hit ratio that moved this much starts the search anew. */
const RESTART = 0.05
const WINDOW_MAX = 0.8
/** Requests per kept thing between two steps, and uses after which all counts are halved. */
const SAMPLE = 10
/** But not so many more than there are things kept: a large cache would learn too late. */
const SAMPLE_MORE = 20_000
/** One more use than the other is no evidence: in a loop everybody is one ahead of those whose turn is yet to come. */
const MARGIN = 1
/** Counters for each thing kept. */
const COUNTERS = 16
/** Frequent losers get in by chance, so that nobody can lock others out by collisions. */
const CHANCE_FROM = 6
const CHANCE = 1 / 128

/** A number that spreads keys evenly. FNV-1a. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash
}

/** How often hashes were seen lately, about: a count-min sketch that halves itself. */
class Sketch {
  #counts = new Uint8Array(256)
  #seen = 0

  /** Makes room for `things`. What was counted is forgotten when it grows. */
  fit(things: number): void {
    if (things * COUNTERS <= this.#counts.length) return
    this.#counts = new Uint8Array(this.#counts.length * 4)
    this.#seen = 0
  }

  count(hash: number): number {
    const counts = this.#counts
    const mask = counts.length - 1
    const a = counts[slot(hash, 1) & mask]!
    const b = counts[slot(hash, 2) & mask]!
    const c = counts[slot(hash, 3) & mask]!
    return a < b ? (a < c ? a : c) : b < c ? b : c
  }

  add(hash: number, limit: number): void {
    const least = this.count(hash)
    if (least >= 15) return
    const counts = this.#counts
    const mask = counts.length - 1
    for (let row = 1; row < 4; row++) {
      const at = slot(hash, row) & mask
      if (counts[at] === least) counts[at] = least + 1
    }
    if (++this.#seen >= limit) {
      for (let at = 0; at < counts.length; at++) counts[at] = counts[at]! >> 1
      this.#seen >>= 1
    }
  }
}

function slot(hash: number, row: number): number {
  let x = Math.imul((hash + 1) ^ Math.imul(row, 0x9e3779b9), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 15), 0xc2b2ae35)
  return x ^ (x >>> 13)
}

/** Things in order of use, the oldest first. */
class List {
  first: Kept | undefined
  last: Kept | undefined
  weight = 0

  push(kept: Kept): void {
    kept.list = this
    kept.before = this.last
    kept.after = undefined
    if (this.last === undefined) this.first = kept
    else this.last.after = kept
    this.last = kept
    this.weight += kept.weight
  }

  take(kept: Kept): void {
    if (kept.before === undefined) this.first = kept.after
    else kept.before.after = kept.after
    if (kept.after === undefined) this.last = kept.before
    else kept.after.before = kept.before
    kept.list = undefined
    this.weight -= kept.weight
  }
}

/** Decides what stays within `capacity`. */
export class Policy {
  readonly capacity: number
  readonly #evicted: (kept: Kept) => void
  readonly #window = new List()
  readonly #probation = new List()
  readonly #protected = new List()
  readonly #sketch = new Sketch()
  #windowMax: number
  #count = 0
  #step: number
  #hits = 0
  #requests = 0
  #ratio = 0
  #random = 1

  constructor(capacity: number, evicted: (kept: Kept) => void) {
    this.capacity = capacity
    this.#evicted = evicted
    this.#windowMax = capacity * WINDOW
    this.#step = capacity * STEP
  }

  /** The weight of everything kept. */
  get weight(): number {
    return this.#window.weight + this.#probation.weight + this.#protected.weight
  }

  /** A kept thing was used. */
  hit(kept: Kept): void {
    this.#hits++
    this.#seen(kept.hash)
    const list = kept.list as List
    if (list.last === kept && list !== this.#probation) return
    list.take(kept)
    if (list === this.#probation) {
      this.#protected.push(kept)
      this.#demote()
    } else list.push(kept)
  }

  /** A thing comes in, and others may have to go; it itself, too, if it is heavier than everything. */
  add(kept: Kept): void {
    this.#count++
    this.#sketch.fit(this.#count)
    this.#seen(kept.hash)
    this.#window.push(kept)
    this.#trim()
  }

  /** A thing goes for other reasons. */
  remove(kept: Kept): void {
    if (kept.list === undefined) return
    kept.list.take(kept)
    this.#count--
  }

  #seen(hash: number): void {
    this.#sketch.add(hash, SAMPLE * this.#count)
    if (++this.#requests >= Math.min(SAMPLE * this.#count, this.#count + SAMPLE_MORE)) this.#climb()
  }

  #evict(kept: Kept): void {
    this.remove(kept)
    this.#evicted(kept)
  }

  #demote(): void {
    const most = (this.capacity - this.#windowMax) * PROTECTED
    while (this.#protected.weight > most) {
      const oldest = this.#protected.first!
      this.#protected.take(oldest)
      this.#probation.push(oldest)
    }
  }

  /** Moves what the window cannot hold to the main part, or out. The newest always gets its turn in the window. */
  #trim(): void {
    const window = this.#window
    while (window.first !== undefined && window.weight > this.#windowMax && window.first !== window.last) {
      const candidate = window.first
      window.take(candidate)
      this.#admit(candidate)
    }
    while (this.weight > this.capacity)
      this.#evict((this.#probation.first ?? this.#protected.first ?? this.#window.first)!)
  }

  #admit(candidate: Kept): void {
    let excess = this.weight + candidate.weight - this.capacity
    if (excess > 0 && !this.#wins(candidate, excess)) {
      this.#count--
      this.#evicted(candidate)
      return
    }
    for (; excess > 0; excess = this.weight + candidate.weight - this.capacity) {
      const victim = this.#probation.first ?? this.#protected.first
      if (victim === undefined) break
      this.#evict(victim)
    }
    this.#probation.push(candidate)
  }

  /** Whether it was used more often than all together that would have to go for it. */
  #wins(candidate: Kept, excess: number): boolean {
    const own = this.#sketch.count(candidate.hash)
    let victim = this.#probation.first ?? this.#protected.first
    let uses = MARGIN
    for (let freed = 0; freed < excess;) {
      if (victim === undefined) return false
      uses += this.#sketch.count(victim.hash)
      freed += victim.weight
      victim = victim.after ?? (victim.list === this.#probation ? this.#protected.first : undefined)
    }
    return own > uses || (own >= CHANCE_FROM && this.#chance() < CHANCE)
  }

  #chance(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0
    return this.#random / 4294967296
  }

  /** One step of the window's share, on in the same direction as long as the hit ratio gets better. */
  #climb(): void {
    const ratio = this.#hits / this.#requests
    const change = ratio - this.#ratio
    this.#ratio = ratio
    this.#hits = 0
    this.#requests = 0
    // Until something had to go there is nothing to learn.
    if (this.weight < this.capacity * 0.9) return
    const amount = change >= 0 ? this.#step : -this.#step
    this.#step = Math.abs(change) >= RESTART ? STEP * this.capacity * Math.sign(amount || 1) : amount * STEP_DECAY
    this.#windowMax = Math.min(this.capacity * WINDOW_MAX, Math.max(this.capacity * WINDOW, this.#windowMax + amount))
    this.#demote()
    this.#trim()
  }
}
