/**
 * One computation: run on one snapshot, watched, stored by a commit that checks that nothing it read has changed. When it has,
 * the computation runs again; a result that cannot be stored is still right, and is returned.
 */
import type { Answer } from '../backend.js'
import { decode } from '../codec/decode.js'
import { encode } from '../codec/encode.js'
import { closed, TidewellError, toError } from '../errors.js'
import type { Command } from '../session.js'
import type { CacheCore } from './cache.js'
import { cycle } from './hub.js'
import { defined, type LoadOptions } from './options.js'
import { freshUntil, type Terms } from './memory.js'
import { type Overheard, type Watch, WatchSession, type WatchedCache } from './watch.js'

/** How often it runs when others write what it reads. */
const ATTEMPTS = 4

type Compute = (watch: Watch) => unknown

/** A result to be stored, with the part of what was read that belongs to it. */
interface Result {
  readonly core: CacheCore
  readonly key: string
  readonly text: string
  readonly fields: Record<string, unknown>
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

  /** A fresh entry as of the snapshot. */
  async #read(core: CacheCore, key: string): Promise<{ readonly value: unknown } | undefined> {
    const done = this.#root.results.find((one) => one.core === core && one.key === key)
    const command = { op: 'cacheGet', cache: await core.number(), key }
    const stored = (await this.session.read(command, 'cache')) as
      (Terms & { touched: number; value: unknown; negative?: boolean }) | null
    if (done !== undefined) return { value: decode(done.text, done.text.includes('{"$')) }
    if (stored === null) return undefined
    const expires = freshUntil(stored, stored.touched)
    if (core.hub.clock.now() >= expires) return undefined
    this.expires = Math.min(this.expires, expires)
    return { value: stored.negative === true ? undefined : stored.value }
  }

  async #nested(core: CacheCore, key: string, compute: Compute, options: LoadOptions): Promise<unknown> {
    const step = `${core.name}\n${key}`
    if (this.#path.includes(step)) throw cycle(core.name, key)
    const found = await this.#read(core, key)
    if (found !== undefined) return found.value
    const inner = new Scope(this.session, core, [...this.#path, step], this.#root)
    const value = await inner.run(core, key, compute, options)
    this.expires = Math.min(this.expires, inner.expires)
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
    if (this.expires !== Infinity) {
      const left = Math.max(0, Math.floor(this.expires - (fields['created'] as number)))
      fields['ttl'] = Math.min((fields['ttl'] as number | undefined) ?? left, left)
    }
    this.#root.results.push({ core, key, text, fields: { ...fields, from, to: await this.mark() } })
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
      if (outcome?.stored === true || (outcome !== undefined && attempt >= ATTEMPTS)) return outcome.value
    }
  }

  /** By the parameter: everything is read in the watched transaction. Undefined if it should be run again. */
  async #watched(): Promise<{ value: unknown; stored: boolean } | undefined> {
    const scope = await this.#begin()
    try {
      const value = await scope.run(this.#core, this.#key, this.#compute, this.#options)
      return { value, stored: await this.#commit(scope) }
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
  async #overheard(): Promise<{ value: unknown; stored: boolean }> {
    const { session, hub } = this.#core
    const heard: Overheard[] = []
    const lists = (session.overheard ??= new Set())
    lists.add(heard)
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
    } finally {
      lists.delete(heard)
      if (lists.size === 0) session.overheard = undefined
    }
    const scope = await this.#begin()
    try {
      for (const { command, json } of heard) {
        if (!(await this.#same(scope, command, json))) {
          await this.#end(scope, true)
          return { value, stored: false }
        }
      }
      await scope.note(this.#core, this.#key, value, this.#options, 0)
      return { value, stored: await this.#commit(scope) }
    } catch (error) {
      await this.#end(scope, true)
      throw error
    }
  }

  async #same(scope: Scope, command: Command, json: string): Promise<boolean> {
    const answer: Answer = await this.#core.session.backend.read(
      encode(defined({ ...command, tx: scope.session.tx }), 'query', 'compute'),
    )
    if (command.op !== 'cacheGet') return answer.json === json
    const stored = decode(answer.json, answer.extended) as (Terms & { touched: number; value: unknown }) | null
    if (stored === null) return false
    scope.expires = Math.min(scope.expires, freshUntil(stored, stored.touched))
    return encode(stored.value, 'document', 'value') === json
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
