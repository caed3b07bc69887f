/**
 * A cache: values by key, in memory and in storage, shared by tabs, never stale. What is stored and what removes it is the
 * engine's (`src/core/cache`); here are memory, time, loading and statistics.
 */
import { throwIfAborted, untilAborted } from '../abort.js'
import { decode } from '../codec/decode.js'
import { encode } from '../codec/encode.js'
import { invalid, toError } from '../errors.js'
import type { Session } from '../session.js'
import type { ReadOptions } from '../types/options.js'
import { getMany, listEntries, writeMany } from './batch.js'
import { Computation } from './compute.js'
import { alone, within } from './flight.js'
import type { Loading } from './handle.js'
import { overhear, overhearFleeting, type Seen } from './heard.js'
import type { CacheHub } from './hub.js'
import { freshUntil, type Held, Memory, type Terms } from './memory.js'
import {
  checkKey,
  checkLifetime,
  checkNumber,
  type CacheChanges,
  type EntriesOptions,
  type CacheOptions,
  type CacheStats,
  type EntryOptions,
  type Invalidation,
  type InvalidationCause,
  type LoadOptions,
  settle,
  type Settled,
} from './options.js'
import type { Watch } from './watch.js'

/** An entry as the engine answers it. */
export interface Stored extends Terms {
  readonly touched: number
  readonly size: number
  readonly negative?: boolean
  readonly computed?: boolean
  readonly value: unknown
}

/** An entry that was found, fresh or not. */
interface Found extends Seen {
  readonly expires: number
}

/** Reasons kept. */
const LAST_MAX = 32

/** @internal */
export class CacheCore {
  readonly name: string
  readonly session: Session
  readonly hub: CacheHub
  readonly settled: Settled
  readonly memory: Memory
  readonly #durability: CacheOptions['durability']
  #number: number | undefined
  #opening: Promise<number> | undefined
  readonly #flights = new Map<string, Promise<unknown>>()
  /** In the order in which they are over. */
  readonly #failures = new Map<string, { readonly error: unknown; readonly until: number }>()
  readonly counts = {
    memory: 0,
    disk: 0,
    stale: 0,
    misses: 0,
    loads: 0,
    failures: 0,
    evicted: 0,
    expired: 0,
    invalidated: 0,
  }
  readonly #last: Invalidation[] = []
  readonly listeners = new Set<(invalidation: Invalidation) => void>()

  constructor(name: string, session: Session, hub: CacheHub, options: CacheOptions) {
    this.name = name
    this.session = session
    this.hub = hub
    this.settled = settle(options)
    this.memory = new Memory(this.settled.memoryBytes, hub.clock)
    this.#durability = options.durability
  }

  /** The engine's number of this cache; asks for it the first time. */
  number(): number | Promise<number> {
    if (this.#number !== undefined) return this.#number
    this.#opening ??= this.write({ op: 'cacheOpen', name: this.name }).then(
      ({ cache }) => {
        this.hub.register(cache as number, this)
        return (this.#number = cache as number)
      },
      (error: unknown) => {
        this.#opening = undefined
        throw error
      },
    )
    return this.#opening
  }

  async write(command: { readonly op: string } & Record<string, unknown>): Promise<Record<string, unknown>> {
    const options = this.#durability === undefined ? undefined : { durability: this.#durability }
    return (await this.session.write(command, 'cache', options)) as Record<string, unknown>
  }

  /** A commit stored or removed the entry. `position` is after the commit for what is gone, whoever stored it. */
  touched(key: string, position: number, cause: InvalidationCause): void {
    const wasHere = this.memory.drop(key, position)
    if (cause.kind === 'stored' && !wasHere) return
    const invalidation = { key, reason: reasonOf(cause), cause, position: Math.floor(position) }
    this.counts.invalidated++
    this.#last.push(invalidation)
    if (this.#last.length > LAST_MAX) this.#last.shift()
    for (const listener of this.listeners) tell(listener, invalidation)
  }

  /** The entry in memory or storage, whether fresh or not. Keeps a fresh one in memory. */
  async find(key: string): Promise<Found | undefined> {
    const cache = await this.number()
    const ticket = this.memory.begin(key)
    let kept = false
    try {
      const answer = this.session.backend.read(
        `{"op":"cacheGet","cache":${cache},"key":${encode(key, 'query', 'key')}}`,
      )
      const { json, extended } = answer instanceof Promise ? await answer : answer
      kept = this.memory.end(key, ticket)
      const stored = decode(json, extended) as Stored | null
      return stored === null ? undefined : this.take(key, stored, kept)
    } finally {
      if (!kept) this.memory.end(key, ticket)
    }
  }

  /** What was read of an entry; keeps it in memory if it is fresh and `keep` says so. */
  take(key: string, stored: Stored, keep: boolean): Found {
    const { clock } = this.hub
    clock.observe(Math.max(stored.created, stored.touched))
    const expires = freshUntil(stored, stored.touched)
    const now = clock.now()
    const value = stored.negative === true ? undefined : stored.value
    if (keep && now < expires)
      this.memory.keep(key, value, stored.size, { ...stored, touched: stored.touched }, stored.negative === true)
    if (stored.sliding !== undefined && now < expires && now - stored.touched > stored.sliding / 4)
      this.#touch(key, now)
    return { value, expires }
  }

  /** Writes a use down, in the background: a value that slides must not expire in storage while it is used. */
  #touch(key: string, now: number): void {
    const touched = Math.floor(now)
    this.write({ op: 'cacheTouch', cache: this.#number, key, touched }).catch(() => undefined)
  }

  /** A fresh value out of memory. */
  hit(key: string): Held | undefined {
    const held = this.memory.get(key)
    if (held === undefined) return undefined
    if (held.sliding !== undefined) {
      const now = this.hub.clock.now()
      if (now - held.touched > held.sliding / 4) {
        held.touched = now
        this.#touch(key, now)
      }
    }
    this.counts.memory++
    return held
  }

  /** Whether it is fresh, counting what it means. */
  isFresh(found: Found): boolean {
    if (this.hub.clock.now() < found.expires) return true
    this.counts.expired++
    return false
  }

  /** The fields of an entry to be stored. */
  fields(key: string, value: unknown, options: EntryOptions): Record<string, unknown> {
    const { settled, memory } = this
    const { ttl, sliding } = checkLifetime('cache', options)
    const negative = value === undefined
    return {
      cache: this.#number,
      key,
      value: negative ? null : value,
      created: Math.floor(this.hub.clock.now()),
      ttl: negative ? settled.negativeTtl : (ttl ?? settled.ttl),
      sliding: negative ? undefined : (sliding ?? settled.sliding),
      stale: Math.max(settled.staleWhileRevalidate, settled.staleIfError),
      negative: negative || undefined,
      weight: options.weight === undefined ? undefined : checkNumber('cache: weight', options.weight),
      tags: options.tags === undefined || options.tags.length === 0 ? undefined : checkTags(options.tags),
      maxBytes: settled.maxBytes,
      used: ((used) => (used.length === 0 ? undefined : used))(memory.takeUsed()),
    }
  }

  /** Stores a value, and keeps a copy of it in memory. */
  async store(key: string, value: unknown, options: EntryOptions): Promise<void> {
    await this.number()
    const fields = this.fields(key, value, options)
    const text = encode(fields['value'], 'document', 'value')
    const ticket = this.memory.begin(key)
    let position = -1
    try {
      const answer = await this.write({ op: 'cachePut', ...fields })
      position = answer['position'] as number
      this.counts.evicted += (answer['evicted'] as string[]).length
    } finally {
      if (this.memory.end(key, ticket, position) && position >= 0) this.keep(key, text, fields, value === undefined)
    }
    this.#failures.delete(key)
  }

  /** Keeps what was stored just now. */
  keep(key: string, text: string, fields: Record<string, unknown>, negative: boolean): void {
    const created = fields['created'] as number
    const [ttl, sliding] = [fields['ttl'], fields['sliding']] as (number | undefined)[]
    const value = negative ? undefined : decode(text, text.includes('{"$'))
    const weight = (fields['weight'] as number | undefined) ?? key.length + text.length
    this.memory.keep(key, value, weight + 64, { created, ttl, sliding, touched: created }, negative)
  }

  /** `get` with a loader and `compute`, counted by computations that listen. */
  async through(key: string, options: LoadOptions, load: () => Promise<unknown>): Promise<unknown> {
    try {
      const value = await this.#through(key, options, load)
      // What was not stored, no commit removes.
      if (value === undefined && this.settled.negativeTtl === 0) overhearFleeting(this, key)
      else overhear(this, key, { value })
      return value
    } catch (error) {
      overhearFleeting(this, key)
      throw error
    }
  }

  /** A fresh value, or a stale one while `load` runs, or what it brings. */
  async #through(key: string, options: LoadOptions, load: () => Promise<unknown>): Promise<unknown> {
    const { clock } = this.hub
    const found = await this.find(key)
    if (found !== undefined && this.isFresh(found)) {
      this.counts.disk++
      return found.value
    }
    const { staleWhileRevalidate, staleIfError } = this.settled
    const age = found === undefined ? Infinity : clock.now() - found.expires
    this.#sweep()
    const failure = this.#failures.get(key)
    if (failure !== undefined) {
      if (age >= Math.max(staleWhileRevalidate, staleIfError)) throw failure.error
      this.counts.stale++
      return found?.value
    }
    const flight = this.#flight(key, load)
    if (age < staleWhileRevalidate) {
      flight.catch(() => undefined)
      this.counts.stale++
      return found?.value
    }
    this.counts.misses++
    try {
      return await untilAborted(flight, options.signal)
    } catch (error) {
      if (age >= staleIfError || options.signal?.aborted === true) throw error
      this.counts.stale++
      return found?.value
    }
  }

  /** Forgets the failures that were remembered long enough. */
  #sweep(): void {
    const now = this.hub.clock.now()
    for (const [key, { until }] of this.#failures) {
      if (now < until) return
      this.#failures.delete(key)
    }
  }

  /** Joins the load of `key` that is under way, or starts it. */
  #flight(key: string, load: () => Promise<unknown>): Promise<unknown> {
    const under = this.#flights.get(key)
    if (under !== undefined) return under
    const { settled, session, hub } = this
    const lock = session.backend.kind === 'indexeddb' ? `tidewell/${hub.database}/cache/${this.name}/${key}` : undefined
    const work = async (waited: boolean) => {
      if (waited) {
        // Whoever had the lock may have stored it.
        await session.control({ op: 'cacheSync' })
        const found = await this.find(key)
        if (found !== undefined && hub.clock.now() < found.expires) return found.value
      }
      this.counts.loads++
      return within(load(), settled.loadTimeout, key)
    }
    const flight = alone(lock, settled.loadTimeout, work).catch((error: unknown) => {
      this.counts.failures++
      if (settled.negativeTtl > 0) this.#failures.set(key, { error, until: hub.clock.now() + settled.negativeTtl })
      throw error
    })
    this.#flights.set(key, flight)
    const land = () => this.#flights.delete(key)
    flight.then(land, land)
    return flight
  }

  /** What it has been doing. */
  async stats(): Promise<CacheStats> {
    const disk = (await this.session.read(
      { op: 'cacheTally', cache: await this.number() },
      'cache',
    )) as CacheStats['disk']
    const { memory, counts } = this
    return {
      hits: { memory: counts.memory, disk: counts.disk, stale: counts.stale },
      misses: counts.misses,
      loads: counts.loads,
      failures: counts.failures,
      evictions: { memory: memory.evictions, disk: counts.evicted },
      expirations: counts.expired,
      invalidations: counts.invalidated,
      last: [...this.#last],
      memory: { entries: memory.entries, bytes: memory.bytes },
      disk,
    }
  }
}

/** The cause in words. */
function reasonOf(cause: InvalidationCause): string {
  switch (cause.kind) {
    case 'document':
      return `changed: ${cause.collection}/${cause.id}`
    case 'query':
      return `changed: ${cause.ids.map((id) => `${cause.collection}/${id}`).join(', ')}`
    case 'entry':
      return `computed from: ${cause.cache}/${cause.key}`
    case 'stored':
      return 'stored anew'
    default:
      return 'deleted or evicted'
  }
}

/** Calls a listener of the application when the engine is through: what it throws is its own. */
function tell(listener: (invalidation: Invalidation) => void, invalidation: Invalidation): void {
  queueMicrotask(() => listener(invalidation))
}

function checkTags(tags: unknown): string[] {
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== 'string')) throw invalid('cache: tags must be strings')
  return tags as string[]
}

/** @internal What stands behind {@link Cache}, which has the documentation. */
export class LoadedCache {
  readonly name: string
  readonly #core: CacheCore

  constructor(core: CacheCore) {
    this.name = core.name
    this.#core = core
  }

  peek(key: string): unknown {
    const held = this.#core.hit(key)
    overhear(this.#core, key, held)
    return held?.value
  }

  /** A `peek` that found nothing because nothing was loaded. */
  missed(key: string): void {
    overhear(this.#core, key, undefined)
  }

  get(key: string, second?: unknown, third?: LoadOptions): Promise<unknown> {
    const core = this.#core
    try {
      core.session.check()
      const held = core.hit(key)
      if (held !== undefined) {
        overhear(core, key, held)
        return Promise.resolve(held.value)
      }
      checkKey(key)
      if (typeof second === 'function') return this.#load(key, second as (loading: Loading) => unknown, third ?? {})
      return untilAborted(this.#find(key), (second as ReadOptions | undefined)?.signal)
    } catch (error) {
      return Promise.reject(toError(error))
    }
  }

  async #find(key: string): Promise<unknown> {
    const found = await this.#core.find(key)
    const { counts } = this.#core
    const seen = found !== undefined && this.#core.isFresh(found) ? found : undefined
    overhear(this.#core, key, seen)
    if (seen === undefined) counts.misses++
    else counts.disk++
    return seen?.value
  }

  async #load(key: string, load: (loading: Loading) => unknown, options: LoadOptions): Promise<unknown> {
    throwIfAborted(options.signal)
    const core = this.#core
    const value = await core.through(key, options, async () => {
      const { loadTimeout, negativeTtl } = core.settled
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), loadTimeout)
      try {
        const loaded = await load({ signal: controller.signal })
        // Too late: everybody was told that it failed.
        if (!controller.signal.aborted && (loaded !== undefined || negativeTtl > 0))
          await core.store(key, loaded, options)
        return loaded
      } finally {
        clearTimeout(timer)
      }
    })
    return value
  }

  async set(key: string, value: unknown, options: EntryOptions = {}): Promise<void> {
    this.#core.session.check()
    checkKey(key)
    if (value === undefined) throw invalid('cache: undefined cannot be stored; delete the key instead')
    await this.#core.store(key, value, options)
  }

  compute(key: string, compute: (watch: Watch) => unknown, options: LoadOptions = {}): Promise<unknown> {
    const core = this.#core
    try {
      core.session.check()
      const held = core.hit(key)
      if (held !== undefined) {
        overhear(core, key, held)
        return Promise.resolve(held.value)
      }
      checkKey(key)
      throwIfAborted(options.signal)
      core.hub.checkCycle(core, key)
      const work = () => new Computation(core, key, compute, options).run()
      return core.through(key, options, work)
    } catch (error) {
      return Promise.reject(toError(error))
    }
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key)
    const { deleted } = await this.#core.write({ op: 'cacheDelete', cache: await this.#core.number(), keys: [key] })
    return deleted === 1
  }

  async invalidateTags(...tags: readonly string[]): Promise<number> {
    const cache = await this.#core.number()
    const { deleted } = await this.#core.write({ op: 'cacheInvalidate', cache, tags: checkTags([...tags]) })
    return deleted as number
  }

  getMany(keys: readonly string[]): Promise<unknown[]> {
    this.#core.session.check()
    return getMany(this.#core, keys)
  }

  write(changes: CacheChanges): Promise<number> {
    this.#core.session.check()
    return writeMany(this.#core, changes)
  }

  entries(options: EntriesOptions): AsyncGenerator<[string, unknown]> {
    this.#core.session.check()
    return listEntries(this.#core, options)
  }

  async clear(): Promise<void> {
    await this.#core.write({ op: 'cacheClear', cache: await this.#core.number() })
  }

  stats(): Promise<CacheStats> {
    return this.#core.stats()
  }

  async subscribe(listener: (invalidation: Invalidation) => void): Promise<() => void> {
    this.#core.session.check()
    // Events name the cache by its number.
    await this.#core.number()
    this.#core.listeners.add(listener)
    return () => this.#core.listeners.delete(listener)
  }
}
