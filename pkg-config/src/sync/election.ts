/**
 * Which tab syncs: the one that has the Web Lock. A tab that is killed lets go of it at once; from one that is frozen it is taken when it
 * does not answer. That is courtesy: two at once waste work, and the engine and the server take nothing twice.
 */

/** Between two questions whether the syncing tab is there. */
const PING_MS = 350
/** Who did not answer so many is given up. */
const MISSED_MAX = 3
/** Between two questions more than this: this tab stood still itself. */
const STOOD_STILL_MS = 2 * PING_MS + 200
/** For so long a tab that had the lock believes that it has it: who takes it from one that stood still has waited for longer. */
const SURE_MS = PING_MS

/** What is used of Web Locks. */
export interface Locks {
  request(
    name: string,
    options: { readonly steal?: boolean; readonly signal?: AbortSignal },
    held: () => Promise<unknown>,
  ): Promise<unknown>
  query(): Promise<unknown>
}

/** What tabs tell each other, besides what {@link Tabs} is given to say. */
type Note<N> = { readonly kind: 'ping' } | { readonly kind: 'here'; readonly who: string; readonly news: N } | Aside
/** Said by any tab to the one that syncs, or by it to one. */
export type Aside =
  | { readonly kind: 'now'; readonly id: string }
  | { readonly kind: 'done'; readonly id: string; readonly error: unknown }
  | { readonly kind: 'token'; readonly token: string }

/** What a tab does with the turn, and with what others say. `N` is how the one that syncs stands. */
export interface Part<N> {
  /** Syncs until the signal fires. Before a request it awaits `sure`: then the signal has fired if another tab has taken the turn. */
  lead(signal: AbortSignal, sure: () => Promise<void>): Promise<void>
  /** How it stands. */
  news(): N
  /** How the other tab stands that syncs; `fresh` if it has only just begun, or this one has. */
  hear(news: N, fresh: boolean): void
  aside(note: Aside): void
}

/** This tab among those that sync one database. */
export class Tabs<N> {
  readonly #name: string
  readonly #part: Part<N>
  readonly #locks: Locks
  readonly #channel: BroadcastChannel
  readonly #who = Math.random().toString(36).slice(2)
  readonly #document: Document | undefined = globalThis.document
  #leader = ''
  #missed = 0
  #lastTick = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #leading: AbortController | undefined
  #waiting = new AbortController()
  #isStopped = false
  #steals = false
  #thaw: () => void = () => undefined
  #frozen: Promise<void> | undefined
  #yield: () => void = () => undefined
  readonly #done: Promise<void>

  constructor(database: string, part: Part<N>, locks: Locks) {
    this.#name = `tidewell/${database}/sync`
    this.#part = part
    this.#locks = locks
    this.#channel = new BroadcastChannel(this.#name)
    this.#channel.onmessage = (event: MessageEvent<Note<N>>) => this.#hear(event.data)
    this.#document?.addEventListener('visibilitychange', this.#look)
    this.#document?.addEventListener('freeze', this.#onFreeze)
    this.#document?.addEventListener('resume', this.#onResume)
    this.say({ kind: 'ping' })
    this.#look()
    this.#done = this.#run()
  }

  /** Tells the others how this tab stands, if it is the one that syncs. */
  tell(): void {
    if (this.#leading !== undefined) this.say({ kind: 'here', who: this.#who, news: this.#part.news() })
  }

  say(note: Note<N>): void {
    if (!this.#isStopped) this.#channel.postMessage(note)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#leading?.abort()
    this.#waiting.abort()
    this.#thaw()
    await this.#done
    clearInterval(this.#timer)
    this.#channel.close()
    this.#document?.removeEventListener('visibilitychange', this.#look)
    this.#document?.removeEventListener('freeze', this.#onFreeze)
    this.#document?.removeEventListener('resume', this.#onResume)
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const leading = new AbortController()
      const yielded = new Promise<void>((resolve) => (this.#yield = resolve))
      this.#waiting = new AbortController()
      const options = this.#steals ? { steal: true } : { signal: this.#waiting.signal }
      this.#steals = false
      let led: Promise<void> | undefined
      const lead = () => {
        if (this.#isStopped) return Promise.resolve()
        this.#leading = leading
        this.#leader = this.#who
        led = this.#part.lead(leading.signal, surely(this.#locks))
        this.tell()
        return Promise.race([led, yielded])
      }
      // Rejected if another tab took it, or if this one does not wait any longer.
      await this.#locks.request(this.#name, options, lead).catch(() => undefined)
      this.#leading = undefined
      leading.abort()
      await led?.catch(() => undefined)
      await this.#frozen
      this.#look()
    }
  }

  /** A tab that will be frozen lets go. */
  readonly #onFreeze = () => {
    this.#frozen ??= new Promise((resolve) => (this.#thaw = resolve))
    this.#leading?.abort()
    this.#waiting.abort()
    this.#yield()
  }

  readonly #onResume = () => {
    this.#frozen = undefined
    this.#thaw()
  }

  #hear(note: Note<N>): void {
    if (this.#isStopped) return
    if (note.kind === 'ping') return this.tell()
    if (note.kind !== 'here') return this.#part.aside(note)
    this.#missed = 0
    const fresh = this.#leader !== note.who
    this.#leader = note.who
    if (this.#leading === undefined) this.#part.hear(note.news, fresh)
  }

  /** Who is looked at wants to know whether somebody syncs; a tab in the background does not care. */
  readonly #look = () => {
    const cares = this.#leading === undefined && this.#document?.visibilityState !== 'hidden' && !this.#isStopped
    if (!cares) {
      clearInterval(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined) {
      ;[this.#missed, this.#lastTick] = [0, performance.now()]
      this.#timer = setInterval(() => this.#tick(), PING_MS)
    }
  }

  #tick(): void {
    const now = performance.now()
    const stoodStill = now - this.#lastTick > STOOD_STILL_MS
    this.#lastTick = now
    if (this.#leading !== undefined) return this.#look()
    this.#missed = stoodStill ? 0 : this.#missed + 1
    if (this.#missed >= MISSED_MAX) {
      this.#missed = 0
      this.#steals = true
      this.#waiting.abort()
    }
    this.say({ kind: 'ping' })
  }
}

/** A tab that stood still and wakes hears of the lock that it lost a moment later; whoever asks for the state of locks hears of it before. */
function surely(locks: Locks): () => Promise<void> {
  let since = performance.now()
  return async () => {
    // Again, if it stood still over the question.
    for (let tries = 0; performance.now() - since >= SURE_MS && tries < 2; tries++) {
      const asked = performance.now()
      await locks.query().catch(() => undefined)
      since = asked
    }
  }
}
