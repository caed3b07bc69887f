// Random choices that a seed replays.

/** A source of random numbers: mulberry32. */
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /** A number from 0 (inclusive) to 1 (exclusive). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  /** A whole number from `low` to `high`, both inclusive. */
  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  /** Whether something with this probability happens. */
  chance(probability) {
    return this.next() < probability
  }

  /** One of the items. */
  pick(items) {
    return items[this.int(0, items.length - 1)]
  }

  /** `count` different items. */
  some(items, count) {
    const left = [...items]
    const taken = []
    while (taken.length < count && left.length > 0) taken.push(...left.splice(this.int(0, left.length - 1), 1))
    return taken
  }

  /** A list of `low` to `high` made items. */
  list(low, high, make) {
    return Array.from({ length: this.int(low, high) }, () => make())
  }
}
