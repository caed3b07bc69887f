/**
 * Syncing in one tab: asks the engine what to send, sends it, hands the answer back, and rests until something happens. What is sent, and
 * what answers mean, is the engine's business (`src/core/sync`).
 */
import { throwIfAborted, untilAborted } from '../abort.js'
import type { SyncEvent } from '../backend.js'
import { decode } from '../codec/decode.js'
import { encode } from '../codec/encode.js'
import { closed, TidewellError, toError, toWire } from '../errors.js'
import type { EventHub } from '../events.js'
import type { Command, Session } from '../session.js'
import { Background } from './background.js'
import { type CheckedSync, checkSync, checkToken } from './check.js'
import { type CoreStatus, isSame, type SharedStatus, shown } from './core_status.js'
import { type Aside, type Locks, Tabs } from './election.js'
import { lettersOf, Merger, outboxOf } from './letters.js'
import { Link } from './link.js'
import { Tokens } from './transport.js'
import type { Sync, SyncOptions, SyncStatus } from './types.js'
import { Waiters } from './waiters.js'

/** The engine's commands. */
export interface Commands {
  /** One that is marked sync in docs/COMMANDS.md. */
  read(command: Command): Promise<unknown>
  send(command: Command): Promise<unknown>
}

/** What it needs of its database. */
export interface SyncHost {
  readonly database: string
  readonly session: Session
  readonly hub: EventHub
}

/** @internal */
export class Runner {
  readonly ready: Promise<void>
  #isReady: () => void = () => undefined
  #isUnready: (error: TidewellError) => void = () => undefined
  readonly #host: SyncHost
  readonly #commands: Commands
  readonly #tokens: Tokens
  readonly #merger: Merger
  readonly #background: Background
  readonly #show: (status: SyncStatus) => void
  readonly #link: Link
  readonly #waiters = new Waiters()
  /** Calls of `now` that are another tab's business, by their ids. */
  readonly #asked = new Map<string, (error: TidewellError | undefined) => void>()
  #core: CoreStatus
  #status: SyncStatus | undefined
  #error: TidewellError | null = null
  #tabs: Tabs<SharedStatus> | undefined
  /** While this tab syncs. */
  #leading: AbortSignal | undefined
  #alone = new AbortController()
  #led: Promise<void> | undefined
  #isStopped = false

  /** Checks the options and begins. */
  static async start(host: SyncHost, options: SyncOptions, show: (status: SyncStatus) => void): Promise<Runner> {
    const checked = checkSync(options)
    const commands = commandsOf(host.session)
    return new Runner(host, commands, checked, options, show, (await commands.read({ op: 'syncStatus' })) as CoreStatus)
  }

  private constructor(
    host: SyncHost,
    commands: Commands,
    checked: CheckedSync,
    options: SyncOptions,
    show: (status: SyncStatus) => void,
    core: CoreStatus,
  ) {
    this.#host = host
    this.#commands = commands
    this.#show = show
    this.#core = core
    this.#tokens = new Tokens(options, checked.deadline)
    this.#merger = new Merger(checked.merges)
    this.#background = new Background(checked.background)
    this.ready = new Promise((resolve, reject) => ([this.#isReady, this.#isUnready] = [resolve, reject]))
    this.ready.catch(() => undefined)
    this.#link = new Link(commands, checked, this.#tokens, {
      take: (status, error) => this.#take(status, error),
      round: (round) => this.#round(round),
      failed: (error) => this.#waiters.fail(error),
    })
    host.hub.sync = this
    this.#take(core)
    this.#join()
  }

  #join(): void {
    const { database, session } = this.#host
    const { locks } = (globalThis.navigator ?? {}) as { locks?: Locks }
    if (session.backend.kind !== 'indexeddb' || locks === undefined || typeof BroadcastChannel === 'undefined') {
      // Nobody else has this database open, or nobody can be asked.
      this.#led = this.#lead(this.#alone.signal)
      return
    }
    this.#tabs = new Tabs<SharedStatus>(
      database,
      {
        lead: (signal, sure) => this.#lead(signal, sure),
        news: () => ({ core: this.#core, error: this.#error === null ? undefined : toWire(this.#error) }),
        hear: (news, fresh) => this.#hearNews(news, fresh),
        aside: (note) => this.#aside(note),
      },
      locks,
    )
  }

  /** The engine tells what a commit changed, of whatever tab. */
  hear(event: SyncEvent): void {
    if ('reset' in event) {
      const found = this.#commands.read({ op: 'syncStatus' }) as Promise<CoreStatus>
      found.then(({ pending, letters }) => this.#count(pending, letters)).catch(() => undefined)
    } else this.#count(event.pending, event.letters)
    this.#link.wake()
  }

  #count(pending: number, letters: number): void {
    this.#take({ ...this.#core, pending, letters })
  }

  /** Syncs until the signal fires. */
  async #lead(signal: AbortSignal, sure?: () => Promise<void>): Promise<void> {
    this.#leading = signal
    for (const id of [...this.#asked.keys()]) this.#answer(id)
    try {
      await this.#link.run(signal, () => this.#isReady(), sure)
    } catch (thrown) {
      const error = toError(thrown)
      if (!signal.aborted) this.#end(error)
    } finally {
      this.#leading = undefined
      if (!this.#isStopped) this.#take(this.#core)
    }
  }

  /** It cannot go on. */
  #end(error: TidewellError): void {
    this.#isUnready(error)
    this.#take({ ...this.#core, state: 'offline' }, error)
    this.#waiters.fail(error)
    if (error.code !== 'closed') this.#host.hub.emit('error', error)
    void this.stop(false)
  }

  async stop(forget: boolean): Promise<void> {
    if (this.#isStopped && !forget) return this.#led
    this.#isStopped = true
    this.#alone.abort()
    const ended = closed('the sync')
    this.#isUnready(ended)
    this.#waiters.fail(ended)
    for (const tell of this.#asked.values()) tell(ended)
    this.#background.stop()
    await this.#tabs?.stop()
    await this.#led
    if (this.#host.hub.sync === this) this.#host.hub.sync = undefined
    if (forget) await this.#commands.send({ op: 'syncClose', forget })
  }

  now({ signal }: Parameters<Sync['now']>[0] = {}): Promise<SyncStatus> {
    throwIfAborted(signal)
    if (this.#isStopped) throw closed('the sync')
    const done = this.#leading === undefined ? this.#ask() : this.#here()
    return untilAborted(done, signal).then(() => this.#status as SyncStatus)
  }

  /** A round, by this tab. */
  async #here(): Promise<void> {
    const waiting = this.#waiters.wait(this.#link.rounds)
    await this.#link.poke()
    return waiting
  }

  /** A round, by the tab that syncs. */
  #ask(): Promise<void> {
    const id = Math.random().toString(36).slice(2)
    return new Promise((resolve, reject) => {
      this.#asked.set(id, (error) => {
        this.#asked.delete(id)
        if (error === undefined) resolve()
        else reject(error)
      })
      this.#tabs?.say({ kind: 'now', id })
    })
  }

  /** Answers what was asked by that id, by a round of this tab. */
  #answer(id: string): void {
    const tell = (error?: unknown) => {
      const own = this.#asked.get(id)
      if (own !== undefined) own(error === undefined ? undefined : toError(error))
      else this.#tabs?.say({ kind: 'done', id, error: error === undefined ? undefined : toWire(error) })
    }
    this.#here().then(() => tell(), tell)
  }

  /** How another tab stands, which syncs. One that has just begun knows nothing of what was asked. */
  #hearNews({ core, error }: SharedStatus, fresh: boolean): void {
    this.#take(core, error === undefined ? null : toError(error))
    if (core.collections.length > 0) this.#isReady()
    if (fresh) for (const id of this.#asked.keys()) this.#tabs?.say({ kind: 'now', id })
  }

  #aside(note: Aside): void {
    switch (note.kind) {
      case 'now':
        return this.#leading === undefined ? undefined : this.#answer(note.id)
      case 'done':
        return this.#asked.get(note.id)?.(note.error === undefined ? undefined : toError(note.error))
      case 'token':
        return this.#renew(note.token)
    }
  }

  async setToken(token: string): Promise<void> {
    checkToken(token)
    this.#tabs?.say({ kind: 'token', token })
    this.#renew(token)
  }

  #renew(token: string): void {
    this.#tokens.set(token)
    if (this.#leading !== undefined) this.#link.poke().catch(() => undefined)
  }

  outbox({ limit }: Parameters<Sync['outbox']>[0] = {}) {
    return outboxOf(this.#commands, limit)
  }

  deadLetters({ limit }: Parameters<Sync['deadLetters']>[0] = {}) {
    return lettersOf(this.#commands, () => this.#link.wake(), limit)
  }

  /** A pull that was begun as the `round`th has come to its end. */
  async #round(round: number): Promise<void> {
    if (this.#merger.isNeeded && this.#core.letters > 0) {
      const failure = await this.#merger.run(this.#commands)
      if (failure !== undefined) this.#host.hub.emit('error', toError(failure))
      this.#take((await this.#commands.read({ op: 'syncStatus' })) as CoreStatus, this.#error)
    }
    if (this.#core.pending === 0) this.#waiters.settle(round)
  }

  #take(core: CoreStatus, error: TidewellError | null = this.#error): void {
    this.#core = core
    this.#error = error
    const next = shown(core, this.#leading !== undefined, error ?? undefined)
    if (this.#status !== undefined && isSame(this.#status, next)) return
    this.#status = next
    this.#background.note(next)
    this.#show(next)
    this.#tabs?.tell()
  }
}

function commandsOf(session: Session): Commands {
  return {
    read: (command) => session.read(command, 'sync'),
    send: async (command) => {
      session.check()
      const { json, extended } = await session.backend.execute(encode(command, 'query', 'sync'))
      return decode(json, extended)
    },
  }
}
