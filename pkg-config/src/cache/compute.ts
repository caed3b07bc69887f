/**
 * One computation: run on one snapshot, watched, stored by a commit that checks that nothing it read has changed. When it has,
 * the computation runs again; a result that cannot be stored is still right, and is returned.
 */
import { decode } from '../codec/decode.js'
import { encode } from '../codec/encode.js'
import { closed, TidewellError, toError } from '../errors.js'
import type { CacheCore, Stored } from './cache.js'
import { Heard, isSame, type Seen } from './heard.js'
import { cycle } from './hub.js'
import { checkKey, defined, listening, type LoadOptions } from './options.js'
import { freshUntil } from './memory.js'
import { type Overheard, type Watch, WatchSession, type WatchedCache } from './watch.js'

/** How often it runs when others write what it reads. */
const ATTEMPTS = 4

type Compute = (watch: Watch) => unknown

/** What a run brought. It is done if it is stored, or cannot be whatever happens. */
interface Outcome {
  readonly value: unknown
  readonly done: boolean
}

/** A result to be stored, with the part of what was read that belongs to it. */
interface Result {
  readonly core: CacheCore
  readonly key: string
  readonly text: string
  readonly fields: Record<string, unknown>
  /** Until when it is fresh. */
  readonly expires: number
}

/** A computation inside a watched transaction, or one nested in it. */
class Scope {
  /** What the computation is given: it may be taken apart. */
  readonly watch: Watch
  readonly session: WatchSession
  readonly results: Result[] = []
  readonly #of: CacheCore
  readonly #path: readonly string[]
  readonly #root: Scope
  /** Until when everything that was read is fresh. */
  expires = Infinity

  constructor(session: WatchSession, of: CacheCore, path: readonly string[], root?: Scope) {
    this.session = session
    this.#of = of
    this.#path = path
    this.#root = root ?? this
    this.watch = {
      collection: (of: unknown): never => this.#of.hub.collectionOf(of, this.session) as never,
      cache: <V>(name: string): WatchedCache<V> => {
        const core = this.#of.hub.core(name)
        return {
          get: async (key) => (await this.#read(core, key))?.value as V | undefined,
          compute: async (key, compute, options) => (await this.#nested(core, key, compute, options ?? {})) as never,
        }
      },
    }
  }

  /** A fresh entry as of the snapshot, or one that was computed just now. */
  async #read(core: CacheCore, key: string): Promise<Seen | undefined> {
    checkKey(key)
    const done = this.#root.results.find((one) => one.core === core && one.key === key)
    const stored = await this.#stored(core, key)
    if (done !== undefined) {
      this.#until(done.expires)
      return { value: done.fields['negative'] === true ? undefined : decode(done.text, done.text.includes('{"$')) }
    }
    if (stored === undefined || core.hub.clock.now() >= stored.expires) return undefined
    this.#until(stored.expires)
    return stored
  }

  /** Whether what was found outside is what the snapshot says. What was served although it had expired is over at once. */
  async sees(core: CacheCore, key: string, seen: Seen | undefined): Promise<boolean> {
    const stored = await this.#stored(core, key)
    if (seen === undefined) return stored === undefined || core.hub.clock.now() >= stored.expires
    if (stored === undefined) return false
    this.#until(stored.expires)
    return isSame(stored, seen)
  }

  /** The entry as of the snapshot, fresh or not. */
  async #stored(core: CacheCore, key: string): Promise<(Seen & { readonly expires: number }) | undefined> {
    const command = { op: 'cacheGet', cache: await core.number(), key }
    const stored = (await this.session.read(command, 'cache')) as Stored | null
    if (stored === null) return undefined
    return {
      value: stored.negative === true ? undefined : stored.value,
      expires: freshUntil(stored, stored.touched),
    }
  }

  /** Something was read that is fresh until `expires`. */
  #until(expires: number): void {
    this.expires = Math.min(this.expires, expires)
  }

  async #nested(core: CacheCore, key: string, compute: Compute, options: LoadOptions): Promise<unknown> {
    const step = `${core.name}\n${key}`
    if (this.#path.includes(step)) throw cycle(core.name, key)
    const found = await this.#read(core, key)
    if (found !== undefined) return found.value
    const inner = new Scope(this.session, core, [...this.#path, step], this.#root)
    const value = await inner.run(core, key, compute, options)
    this.#until(inner.expires)
    return value
  }

  /** Runs `compute` and notes its result with what was read meanwhile. */
  async run(core: CacheCore, key: string, compute: Compute, options: LoadOptions): Promise<unknown> {
    const from = await this.mark()
    const value = await compute(this.watch)
    await this.session.drain()
    await this.note(core, key, value, options, from)
    return value
  }

  async note(core: CacheCore, key: string, value: unknown, options: LoadOptions, from: number): Promise<void> {
    if (value === undefined && core.settled.negativeTtl === 0) return
    const fields = core.fields(key, value, options)
    const text = encode(fields['value'], 'document', 'value')
    const { created, ttl, sliding } = fields as { created: number; ttl?: number; sliding?: number }
    const left = this.expires === Infinity ? undefined : Math.max(0, Math.floor(this.expires - created))
    const terms = { created, ttl: left === undefined ? ttl : Math.min(ttl ?? left, left), sliding }
    // What is computed from the result expires no later than it does.
    this.#until(freshUntil(terms, created))
    const { expires } = this
    this.#root.results.push({ core, key, text, expires, fields: { ...fields, ...terms, from, to: await this.mark() } })
  }

  async mark(): Promise<number> {
    const { mark } = (await this.session.read({ op: 'cacheMark' }, 'compute')) as { mark: number }
    return mark
  }
}

/** A computation that was asked for. */
export class Computation {
  readonly #core: CacheCore
  readonly #key: string
  readonly #compute: Compute
  readonly #options: LoadOptions

  constructor(core: CacheCore, key: string, compute: Compute, options: LoadOptions) {
    this.#core = core
    this.#key = key
    this.#compute = compute
    this.#options = options
  }

  /** Computes, stores, and answers the value. */
  async run(): Promise<unknown> {
    await this.#core.number()
    await this.#core.hub.settled()
    const watched = this.#compute.length > 0
    for (let attempt = 1; ; attempt++) {
      const outcome = watched ? await this.#watched() : await this.#overheard()
      if (outcome?.done === true || (outcome !== undefined && attempt >= ATTEMPTS)) return outcome.value
    }
  }

  /** By the parameter: everything is read in the watched transaction. Undefined if it should be run again. */
  async #watched(): Promise<Outcome | undefined> {
    const scope = await this.#begin()
    try {
      const value = await scope.run(this.#core, this.#key, this.#compute, this.#options)
      return { value, done: await this.#commit(scope) }
    } catch (error) {
      await this.#end(scope, true)
      const { building } = scope.session
      if (building === undefined || toError(error).reason !== 'building') throw error
      // A search index is not ready at that snapshot: the next one is taken when it is.
      await this.#core.session.control({ op: 'waitSearch', collection: building })
      return undefined
    }
  }

  /** Without one: what this tab reads meanwhile is read again in the transaction, and must be the same. */
  async #overheard(): Promise<Outcome> {
    const { session, hub } = this.#core
    const heard: Overheard[] = []
    const found = new Heard(this.#core, this.#key)
    const lists = (session.overheard ??= new Set())
    lists.add(heard)
    listening.add(found)
    let value: unknown
    try {
      hub.running.push({ core: this.#core, key: this.#key })
      let pending: unknown
      try {
        pending = this.#compute(undefined as never)
      } finally {
        hub.running.pop()
      }
      value = await pending
      await Promise.all(found.late)
    } finally {
      listening.delete(found)
      lists.delete(heard)
      if (lists.size === 0) session.overheard = undefined
    }
    if (found.fleeting) return { value, done: true }
    const scope = await this.#begin()
    try {
      if (!(await this.#same(scope, heard, found))) {
        await this.#end(scope, true)
        return { value, done: false }
      }
      await scope.note(this.#core, this.#key, value, this.#options, 0)
      return { value, done: await this.#commit(scope) }
    } catch (error) {
      await this.#end(scope, true)
      throw error
    }
  }

  /** Whether the transaction is answered what was heard. */
  async #same(scope: Scope, heard: readonly Overheard[], { entries, torn }: Heard): Promise<boolean> {
    if (torn) return false
    for (const { command, json } of heard) {
      const text = encode(defined({ ...command, tx: scope.session.tx }), 'query', 'compute')
      if ((await this.#core.session.backend.read(text)).json !== json) return false
    }
    for (const [core, keys] of entries) {
      for (const [key, seen] of keys) if (!(await scope.sees(core, key, seen))) return false
    }
    return true
  }

  async #begin(): Promise<Scope> {
    const { session } = this.#core
    const { tx } = (await session.read({ op: 'begin', watch: true }, 'compute')) as { tx: number }
    const path = [`${this.#core.name}\n${this.#key}`]
    return new Scope(new WatchSession(session.backend, session.durability, tx), this.#core, path)
  }

  async #end(scope: Scope, rollback: boolean): Promise<void> {
    await scope.session.drain()
    scope.session.end(closed('the computation'))
    if (rollback) await this.#core.session.control({ op: 'rollback', tx: scope.session.tx }).catch(() => undefined)
  }

  /** Stores the results; false if something they were computed from has changed. */
  async #commit(scope: Scope): Promise<boolean> {
    const { results } = scope
    await this.#end(scope, results.length === 0)
    if (results.length === 0) return true
    const tickets = results.map(({ core, key }) => core.memory.begin(key))
    let position = -1
    try {
      const entries = results.map(({ fields }) => defined(fields))
      const answer = await this.#core.write({ op: 'cacheCommit', tx: scope.session.tx, entries })
      position = answer['position'] as number
      this.#core.counts.evicted += (answer['evicted'] as string[]).length
      return true
    } catch (error) {
      const known = toError(error)
      if (known instanceof TidewellError && known.code === 'conflict' && known.reason === 'retry') return false
      throw error
    } finally {
      results.forEach(({ core, key, text, fields }, at) => {
        const isTrue = core.memory.end(key, tickets[at]!, position)
        if (isTrue && position >= 0) core.keep(key, text, fields, fields['negative'] === true)
      })
    }
  }
}
