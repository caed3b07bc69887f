/**
 * Keeps a thread awake for a moment where a page and its worker exchange one message right after another: waking it takes several times
 * as long as most answers. Who asks now and then, or waits for storage, costs nothing.
 */

/** A message that is answered so soon is one of many, and after so many of them the next one is waited for. */
const SOON_MS = 0.5
const MANY = 3
/** How long it is waited for, at most, and in how many turns where the clock ticks slowly. */
const AWAKE_MS = 0.5
const TURNS_MAX = 200

/** The event loop: calls back in a task behind those that wait. */
export interface Turns {
  /** Says what a turn does, once. */
  listen(turn: () => void): void
  /** Asks for a turn. */
  ask(): void
}

/** Turns by a channel of its own. */
function channelTurns(): Turns {
  const { port1, port2 } = new MessageChannel()
  return {
    listen: (turn) => (port1.onmessage = () => turn()),
    ask: () => port2.postMessage(null),
  }
}

/** One end of the exchange: takes turn after turn until a message comes or enough time has passed. */
export class Awake {
  readonly #turns: Turns
  #sent = Number.NEGATIVE_INFINITY
  #many = 0
  #isTurning = false
  /** Turns that may be taken until the next message; none if nobody waits for it. */
  #left = 0

  constructor(turns: Turns) {
    this.#turns = turns
    turns.listen(() => this.#turn())
  }

  /** A message has come. */
  heard(): void {
    this.#left = 0
    this.#many = performance.now() - this.#sent <= SOON_MS ? this.#many + 1 : 0
  }

  /** A message was sent. */
  sent(): void {
    this.#sent = performance.now()
    if (this.#many < MANY) return
    this.#left = TURNS_MAX
    if (!this.#isTurning) this.#next()
  }

  #turn(): void {
    this.#isTurning = false
    if (this.#left > 0 && performance.now() - this.#sent < AWAKE_MS) this.#next()
  }

  #next(): void {
    this.#isTurning = true
    this.#left -= 1
    this.#turns.ask()
  }
}

/** What keeps this thread awake; undefined with one processor, where the other end would wait for the thread that waits for it. */
export function awake(): Awake | undefined {
  const host = globalThis as { navigator?: { hardwareConcurrency?: number } }
  return (host.navigator?.hardwareConcurrency ?? 1) > 1 ? new Awake(channelTurns()) : undefined
}
