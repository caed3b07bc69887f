/**
 * A tenant of the sync server, as a Durable Object: `docs/SYNC.md` over the object's SQLite. What becomes of data is decided by the same
 * state machine as in the native server; here are transactions and news.
 */
import { TidewellError } from '../errors.js'
import { createGlue } from '../sync_glue.js'
import type { ByteStream } from '../types/signal.js'
import { type AdminCall, callOf, refusalOf } from './admin.js'
import { answer } from './answer.js'
import { backupOf, type Sql } from './backup.js'
import { type KeptSocket, Live, type SocketKeeper } from './live.js'
import { type Restored, stage, swap, unstage } from './restore.js'
import type { SyncServer } from './sync_wasm.js'
import type { DurableState } from './types.js'

/** Says whose request it is: set by the worker, which has verified the token. */
export const CLAIMS = 'x-tidewell-claims'
export const EXPIRES = 'x-tidewell-expires'

/** What an object's environment may say: variables in wrangler's configuration, objects or JSON text. */
export interface TenantEnv {
  /** By collection, or `*` for all others: `{ read, write }`, filters. Without it everybody of a tenant may do everything. */
  readonly TIDEWELL_RULES?: unknown
  /** Older mutations are answered `upgrade`, newer ones `retry`. */
  readonly TIDEWELL_SCHEMA_MIN?: unknown
  readonly TIDEWELL_SCHEMA_MAX?: unknown
}

let module: WebAssembly.Module | undefined

/** @internal Says where the program is. The entry calls it once. */
export function provideSync(program: WebAssembly.Module): void {
  module = program
}

function policyOf({ TIDEWELL_RULES, TIDEWELL_SCHEMA_MIN, TIDEWELL_SCHEMA_MAX }: TenantEnv): string {
  const parsed = (value: unknown): unknown => (typeof value === 'string' ? (JSON.parse(value) as unknown) : value)
  return JSON.stringify({
    rules: parsed(TIDEWELL_RULES),
    schemaMin: parsed(TIDEWELL_SCHEMA_MIN),
    schemaMax: parsed(TIDEWELL_SCHEMA_MAX),
  })
}

/**
 * The class of the Durable Object: export it from the worker under the name of your configuration. It answers the worker of
 * {@link syncWorker} only, whose word it takes for who asks: bind it to no other.
 */
export class SyncTenant {
  protected readonly ctx: DurableState
  protected readonly env: object
  readonly #live: Live
  #server: SyncServer | undefined
  #isRestoring = false

  /** The platform calls it. */
  constructor(ctx: DurableState, env: object) {
    this.ctx = ctx
    this.env = env
    this.#live = new Live(ctx as unknown as SocketKeeper)
  }

  /** Handles a push, a pull, or a live connection. */
  fetch(request: object): Promise<never> {
    return this.#answer(request as Request) as Promise<never>
  }

  async #answer(request: Request): Promise<Response> {
    const call = callOf(request)
    if (call !== undefined) return this.#administer(call).catch(refusalOf)
    const { pathname } = new URL(request.url)
    const claims = decodeURIComponent(request.headers.get(CLAIMS) ?? '')
    const route = pathname.split('/').at(-1)
    if (route === 'live') return this.#listen(request)
    const body = new Uint8Array(await request.arrayBuffer())
    // From here on nothing waits: the state is one.
    return this.#use((server) => {
      if (route === 'pull') return answer(...server.pull(claims, body))
      const before = server.version()
      const pushed = this.ctx.storage.transactionSync(() => server.push(claims, body))
      const after = server.version()
      if (after !== before) this.#live.tell(after)
      return answer(...pushed)
    })
  }

  /** The alarm ends live connections whose token has expired. */
  async alarm(): Promise<void> {
    await this.#watch()
  }

  /** What clients say besides is passed over: a ping is answered without the object. */
  webSocketMessage(): void {
    return undefined
  }

  /** A client that goes waits for the answer to its goodbye. */
  webSocketClose(socket: unknown): void {
    this.#live.leave(socket as KeptSocket)
  }

  /**
   * Forgets tombstones and superseded documents older than `keep` versions; clients further behind get everything anew. For methods of a
   * subclass, as those below.
   */
  protected compact(keep: number): void {
    this.#use((server) => this.ctx.storage.transactionSync(() => server.compact(keep)))
  }

  /** Takes a new epoch: to be called once after the object's storage was put back to an earlier state. */
  protected renew(): void {
    const version = this.#use((server) =>
      this.ctx.storage.transactionSync(() => {
        server.renew(word())
        return server.version()
      }),
    )
    this.#live.tell(version)
  }

  /**
   * A backup: the tenant as it is now, in pieces, while pushes go on. `tenant` is the name that the backup bears. The stream fails if the
   * tenant is compacted or restored meanwhile (`conflict`); what was read by then has no end, and is refused by {@link restore}.
   */
  protected backup(tenant: string): ByteStream {
    return this.#use(() => backupOf(this.ctx.storage.sql as Sql, tenant))
  }

  /**
   * Puts the tenant back to a backup that bears this name, in a new epoch, so that clients send again what it lacks. The object needs room
   * for both.
   *
   * @throws TidewellError `invalid` (another tenant's, or no backup), `corrupt`, `quota`, or `conflict` if a restore is under way. The
   * tenant is as it was then.
   */
  protected async restore(tenant: string, stream: ByteStream): Promise<Restored> {
    if (this.#isRestoring) throw new TidewellError('conflict', 'a restore of this tenant is under way')
    const { storage } = this.ctx
    const sql = storage.sql as Sql
    this.#use(() => (this.#isRestoring = true))
    try {
      const staged = await stage(storage, stream as ReadableStream<Uint8Array>, tenant)
      this.#use((server) =>
        storage.transactionSync(() => {
          swap(sql, staged)
          server.renew(word())
        }),
      )
      const version = this.#use((server) => server.version())
      this.#live.tell(version)
      return { ...staged, version }
    } finally {
      this.#isRestoring = false
      unstage(sql)
    }
  }

  async #administer({ route, tenant, keep, body }: AdminCall): Promise<Response> {
    if (route === 'backup')
      return new Response(this.backup(tenant) as ReadableStream, {
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
      })
    if (route === 'restore') return answer(200, JSON.stringify(await this.restore(tenant, body)))
    if (route === 'compact') this.compact(keep)
    else this.renew()
    return answer(200, '{}')
  }

  async #listen(request: Request): Promise<Response> {
    const expires = Number(request.headers.get(EXPIRES))
    const version = this.#use((server) => server.version())
    if (request.headers.get('upgrade') !== 'websocket') return this.#live.stream(version, expires)
    const response = this.#live.socket(version, expires)
    await this.#watch()
    return response
  }

  async #watch(): Promise<void> {
    const next = this.#live.expire()
    if (next !== undefined) await this.ctx.storage.setAlarm(next)
  }

  /** What a trap leaves behind is not used again. */
  #use<R>(work: (server: SyncServer) => R): R {
    try {
      this.#server ??= this.#start()
      return work(this.#server)
    } catch (error) {
      this.#server = undefined
      throw error
    }
  }

  #start(): SyncServer {
    if (module === undefined) throw new Error('the program is missing: import tidewell/edge-sync')
    const glue = createGlue(WebAssembly)
    glue.initSync({ module })
    const { sql } = this.ctx.storage
    // Of a restore that this object did not live to end.
    if (!this.#isRestoring) unstage(sql as Sql)
    return this.ctx.storage.transactionSync(() => new glue.SyncServer(sql, word(), policyOf(this.env)))
  }
}

/** A random word of 32 hexadecimal digits. */
function word(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
