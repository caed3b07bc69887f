/** The caches of one open database: their clock, what the engine tells them, and computations under way. */
import type { CacheEvent } from '../backend.js'
import type { Collection } from '../collection.js'
import { invalid } from '../errors.js'
import type { Session } from '../session.js'
import { CacheCore, LoadedCache } from './cache.js'
import { Clock } from './clock.js'
import { type CacheOptions, checkName, type InvalidationCause } from './options.js'

/** Makes a collection that reads through another session. */
export type CollectionOf = (of: unknown, session: Session) => Collection<{ id: string }, unknown>

/** All caches. */
export class CacheHub {
  readonly database: string
  readonly session: Session
  /** Waits for migrations, and makes collections for computations. */
  readonly settled: () => Promise<void>
  readonly collectionOf: CollectionOf
  #clock: Clock | undefined
  readonly #byName = new Map<string, CacheCore>()
  readonly #byNumber = new Map<number, CacheCore>()
  /** Computations that take no parameter, while their first synchronous part runs. */
  readonly running: { readonly core: CacheCore; readonly key: string }[] = []

  constructor(database: string, session: Session, settled: () => Promise<void>, collectionOf: CollectionOf) {
    this.database = database
    this.session = session
    this.settled = settled
    this.collectionOf = collectionOf
  }

  /** The clock of all caches. */
  get clock(): Clock {
    return (this.#clock ??= new Clock())
  }

  /** The cache of that name. */
  core(name: unknown, options?: CacheOptions): CacheCore {
    checkName(name)
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    if (options?.clock !== undefined) this.#clock ??= new Clock(options.clock)
    const core = new CacheCore(name, this.session, this, options ?? {})
    this.#byName.set(name, core)
    return core
  }

  /** The cache of that name if this instance uses it. */
  known(name: string): CacheCore | undefined {
    return this.#byName.get(name)
  }

  /** The cache of that name, as the application holds it. */
  cache(name: unknown, options?: CacheOptions): LoadedCache {
    return new LoadedCache(this.core(name, options))
  }

  /** From now on the engine's news about that number are about `core`. */
  register(number: number, core: CacheCore): void {
    this.#byNumber.set(number, core)
  }

  /** The engine tells which entries a commit has stored and removed. Nothing may be read in between. */
  hear(event: CacheEvent): void {
    if ('reset' in event) {
      for (const core of this.#byName.values()) core.memory.reset()
      return
    }
    const { position, put, gone, why = [] } = event
    const causes = new Map(why.map(([cache, key, kind, ...what]) => [`${cache} ${key}`, this.#cause(kind, what)]))
    // After all of the commit: what was stored in the same one is gone, too.
    for (const [number, key] of gone) {
      const cause = causes.get(`${number} ${key}`) ?? { kind: 'removed' }
      this.#byNumber.get(number)?.touched(key, position + 0.5, cause)
    }
    for (const [number, key] of put) this.#byNumber.get(number)?.touched(key, position, { kind: 'stored' })
  }

  #cause(kind: string, what: readonly (string | number)[]): InvalidationCause {
    const [first, ...rest] = what
    if (kind === 'document') return { kind, collection: String(first), id: String(rest[0]) }
    if (kind === 'query') return { kind, collection: String(first), ids: rest.map(String) }
    const cache = this.#byNumber.get(Number(first))?.name ?? `#${first}`
    return { kind: 'entry', cache, key: String(rest[0]) }
  }

  /** A computation without a parameter that asks for itself at once would wait for itself. */
  checkCycle(core: CacheCore, key: string): void {
    if (this.running.some((one) => one.core === core && one.key === key)) throw cycle(core.name, key)
  }
}

/** The error of a computation that asks for itself. */
export function cycle(cache: string, key: string) {
  return invalid(`compute: ${JSON.stringify(key)} of the cache '${cache}' asks for itself: break the cycle`, 'cycle')
}
