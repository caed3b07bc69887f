/** The connection while this tab syncs: one request after another, as the engine says, and the live stream beside them. */
import { closed, TidewellError, toError } from '../errors.js'
import type { CheckedSync } from './check.js'
import type { CoreStatus } from './core_status.js'
import { News } from './news.js'
import { raise } from './raise.js'
import type { Commands } from './runner.js'
import { type Reply, type Tokens, Transport } from './transport.js'

/** After a command that failed, such as for full storage: doubled up to the longest. */
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000
/** How long a refused token is left alone where there is somebody to ask for another; and a server that wants another version. */
const RENEW_MS = 60_000
const TIMER_MAX_MS = 2 ** 31 - 1
/** Errors after which nothing goes on. */
const FINAL: ReadonlySet<string> = new Set(['closed', 'internal', 'invalid', 'storage-lost', 'corrupt'])

/** The engine's answer to what is next. */
interface Next {
  readonly status: CoreStatus
  readonly send?: number
  readonly kind?: 'push' | 'pull'
  readonly body?: string
  readonly wait?: number
  readonly paused?: boolean
}

/** Awaited before anything is sent; it may fire the signal. */
type Sure = (() => Promise<void>) | undefined

/** Who is told. */
export interface LinkListener {
  /** How it stands. `error`: what went wrong, null for nothing any more, undefined for as before. */
  take(status: CoreStatus, error?: TidewellError | null): void
  /** Everything is here that the server had when its `round`th request was sent. */
  round(round: number): Promise<void>
  /** A request failed, or nothing is sent any more. */
  failed(error: TidewellError): void
}

/** One connection. */
export class Link {
  readonly #commands: Commands
  readonly #options: CheckedSync
  readonly #tokens: Tokens
  readonly #listener: LinkListener
  readonly #transport: Transport
  readonly #news: News
  /** How many requests were sent. */
  rounds = 0
  /** The newest version that the server has told of; 0 if it has told that there may be one. */
  #told: number | undefined
  #waking: () => void = () => undefined
  #isAwake = false
  /** A request is on its way, or what came back is being stored: then when to ask again is set, whoever asks for it meanwhile. */
  #isBusy = false
  /** Somebody wants another one after that: the answer to this one may be older than the wish. */
  #isWanted = false
  #isOpen = false
  #isListening = false
  #core: CoreStatus | undefined

  constructor(commands: Commands, options: CheckedSync, tokens: Tokens, listener: LinkListener) {
    this.#commands = commands
    this.#options = options
    this.#tokens = tokens
    this.#listener = listener
    this.#transport = new Transport(options, tokens)
    this.#news = new News(this.#transport, options.silence, {
      isPaused: () => isPaused(this.#core),
      tell: (version) => this.#hear(version),
    })
  }

  /** Something may be to do. */
  wake(): void {
    this.#isAwake = true
    this.#waking()
  }

  /** Nothing is waited for any longer. */
  async poke(): Promise<void> {
    this.#isWanted = this.#isBusy
    // Before that it begins with asking anyway.
    if (this.#isOpen) this.#take((await this.#send({ op: isPaused(this.#core) ? 'syncResume' : 'syncPoke' })).status)
    this.#news.wake()
    this.wake()
  }

  /** Syncs until the signal fires; before each request it awaits `sure`, which may fire it. Rejects if it cannot go on. */
  async run(signal: AbortSignal, opened: () => void, sure?: Sure): Promise<void> {
    const online = () => void this.poke().catch(() => undefined)
    globalThis.addEventListener?.('online', online)
    globalThis.addEventListener?.('offline', online)
    signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#isListening = false
    try {
      for (let failures = 0; !signal.aborted; failures++) {
        try {
          await this.#session(signal, opened, () => (failures = 0), sure)
        } catch (thrown) {
          const error = toError(thrown)
          if (FINAL.has(error.code)) throw error
          this.#fail(error)
          // What woke it before is no reason to try again at once: over and over, that would hold the thread.
          this.#isAwake = signal.aborted
          await this.#rest(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures))
        }
      }
    } finally {
      this.#isOpen = false
      globalThis.removeEventListener?.('online', online)
      globalThis.removeEventListener?.('offline', online)
      signal.removeEventListener('abort', this.#onAbort)
      // An engine that is closed or dead has no link any more.
      await this.#commands.send({ op: 'syncClose' }).catch(() => undefined)
    }
  }

  readonly #onAbort = () => this.wake()

  async #session(signal: AbortSignal, opened: () => void, works: () => void, sure: Sure): Promise<void> {
    const { wire } = this.#options
    this.#take((await this.#commands.send({ op: 'syncOpen', ...wire })) as CoreStatus)
    this.#isOpen = true
    opened()
    await this.#migrate()
    while (!signal.aborted) {
      this.#isAwake = false
      const next = (await this.#send({ op: 'syncNext' })) as Next
      works()
      this.#take(next.status)
      // Another tab has forgotten all of it: the collections are ordinary ones.
      if (next.status.state === 'off') throw closed('the sync')
      if (next.send !== undefined) {
        const answered = await this.#exchange(next, signal, sure)
        if (answered && !this.#isListening && this.#options.live) {
          this.#isListening = true
          void this.#news.listen(signal)
        }
      } else if (next.paused === true) await this.#pause(signal)
      else await this.#rest(next.wait ?? 0)
    }
  }

  /** One request and what became of it. Resolves with whether it was answered. */
  async #exchange({ send: tag, kind = 'pull', body = '' }: Next, signal: AbortSignal, sure: Sure): Promise<boolean> {
    const round = ++this.rounds
    this.#isBusy = true
    try {
      const reply = await this.#transport.post(kind, body, signal, sure)
      if (signal.aborted) return false
      if (!(await this.#handBack(tag, reply))) return false
    } finally {
      this.#isBusy = false
    }
    const status = this.#core
    if (kind === 'pull' && status?.whole && status.state === 'live') {
      const stuck = tooLarge(status)
      if (stuck === undefined) await this.#listener.round(round)
      else this.#listener.failed(stuck)
      await this.#follow(status)
    }
    return true
  }

  /** Gives the engine what came back. Resolves with whether it was an answer. */
  async #handBack(tag: number | undefined, reply: Reply): Promise<boolean> {
    if (reply.kind === 'failed') {
      const { after, why } = reply
      const told = { ...(after === undefined ? {} : { after }), ...(why === undefined ? {} : { why }) }
      const { status } = await this.#send({ op: 'syncFailed', tag, ...told })
      const error = tooLarge(status, reply.error) ?? reply.error
      this.#take(status, error)
      this.#listener.failed(error)
      return false
    }
    const wasOffline = this.#core?.state === 'offline'
    const { status } = await this.#send({ op: 'syncAnswer', tag, body: reply.body })
    const error = errorIn(status, reply)
    this.#take(status, error ?? tooLarge(status) ?? null)
    if (error !== undefined) {
      if (!isPaused(status)) this.#listener.failed(error)
      return false
    }
    if (wasOffline) this.#news.wake()
    return true
  }

  /** Something newer than what came was told of, or asked for, while the request was on its way. */
  async #follow({ version }: CoreStatus): Promise<void> {
    const told = this.#isWanted ? 0 : this.#told
    ;[this.#told, this.#isWanted] = [undefined, false]
    if (told === undefined || (told !== 0 && told <= (version ?? 0))) return
    this.#take((await this.#send({ op: 'syncPoke' })).status)
  }

  #hear(version: number): void {
    this.#told = version === 0 || this.#told === 0 ? 0 : Math.max(version, this.#told ?? 0)
    // In the middle of something, it is looked at afterwards.
    const core = this.#core
    if (this.#isBusy || core?.state !== 'live' || (version !== 0 && version <= (core.version ?? 0))) return
    this.#told = undefined
    this.#send({ op: 'syncPoke' }).then(
      ({ status }) => {
        this.#take(status)
        this.wake()
      },
      () => undefined,
    )
  }

  /** Brings what waits to the application's schema. Resolves with whether anything was older. */
  async #migrate(): Promise<boolean> {
    const { migrate, schema } = this.#options
    return migrate !== undefined && schema > 0 && raise(this.#commands, schema, migrate)
  }

  /** Nothing is sent: until somebody signs in, the application is another, or another token can be fetched. */
  async #pause(signal: AbortSignal): Promise<void> {
    // Another tab, of the application as it was, may have written since.
    if (this.#core?.state === 'upgrade' && (await this.#migrate())) return this.poke()
    const isRenewable = this.#tokens.isRenewable || this.#core?.state === 'upgrade'
    this.#listener.failed(pausedBy(this.#core?.state))
    const isOver = await this.#rest(isRenewable ? RENEW_MS : TIMER_MAX_MS)
    if (isOver && !signal.aborted) await this.poke()
  }

  /** Waits so long, or until something happens; resolves with whether the time is over. */
  #rest(ms: number): Promise<boolean> {
    if (this.#isAwake) return Promise.resolve(false)
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(true), Math.min(Math.max(ms, 0), TIMER_MAX_MS))
      const end = (isOver: boolean) => {
        clearTimeout(timer)
        this.#waking = () => undefined
        resolve(isOver)
      }
      this.#waking = () => end(false)
    })
  }

  #fail(error: TidewellError): void {
    if (this.#core !== undefined) this.#take({ ...this.#core, state: 'offline' }, error)
    this.#listener.failed(error)
  }

  #take(status: CoreStatus, error?: TidewellError | null): void {
    this.#core = status
    this.#listener.take(status, error)
  }

  async #send(command: { readonly op: string } & Record<string, unknown>): Promise<{ readonly status: CoreStatus }> {
    const timed = { ...command, now: Date.now(), ...(JITTERED.has(command.op) ? { jitter: Math.random() } : {}) }
    return (await this.#commands.send(timed)) as { readonly status: CoreStatus }
  }
}

function isPaused(core: CoreStatus | undefined): boolean {
  return core?.state === 'needs-auth' || core?.state === 'upgrade'
}

const JITTERED = new Set(['syncNext', 'syncAnswer', 'syncFailed'])

/** What an answer that is no success says. */
function errorIn({ state }: CoreStatus, { kind }: Reply): TidewellError | undefined {
  if (state === 'needs-auth' || state === 'upgrade') return pausedBy(state)
  if (state !== 'offline' || kind !== 'answer') return undefined
  return new TidewellError('unavailable', 'sync: the server asked to be left alone, or its answer made no sense', {
    reason: 'refused',
  })
}

/** What is wrong as long as a write does not get through even alone, whatever else works. */
function tooLarge({ tooLarge: bytes }: CoreStatus, cause?: TidewellError): TidewellError | undefined {
  if (bytes === undefined) return undefined
  const message = `sync: a write of ${bytes} bytes is more than the server, or a proxy before it, takes at once; it is kept and tried again`
  return new TidewellError('unavailable', message, { reason: 'too-large', cause })
}

function pausedBy(state: string | undefined): TidewellError {
  const upgrade = state === 'upgrade'
  const message = upgrade
    ? 'sync: the server wants another version of the application'
    : 'sync: the token is refused, or there is none: give another by setToken'
  return new TidewellError('unavailable', message, { reason: upgrade ? 'upgrade' : 'needs-auth' })
}
