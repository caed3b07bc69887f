/** What a computation reads through: a transaction that remembers it, collections and caches on top. It writes nothing. */
import type { Collection } from '../collection.js'
import { invalid, toError } from '../errors.js'
import { type Command, Session } from '../session.js'
import type { AnyDocument, WithId } from '../types/document.js'
import type { ReadOptions } from '../types/options.js'
import type { LoadOptions } from './options.js'

/** A session that only reads. */
export class WatchSession extends Session {
  /** The collection whose search index turned out not to be ready at the computation's snapshot. */
  building: unknown

  override async read(command: Command, name: string, options?: ReadOptions): Promise<unknown> {
    try {
      return await super.read(command, name, options)
    } catch (error) {
      if (toError(error).reason === 'building') this.building = command['collection']
      throw error
    }
  }

  override write(): Promise<unknown> {
    return Promise.reject(refused())
  }

  override writeBatch(): Promise<unknown> {
    return Promise.reject(refused())
  }
}

function refused() {
  return invalid('compute: a computation only reads; write before or after it')
}

/** What a computation is given: reads through it are watched exactly. */
export interface Watch {
  /** A collection as of the computation's snapshot. */
  collection<T extends object = AnyDocument>(name: string): Collection<WithId<T>>
  /** The same collection as of the computation's snapshot. */
  collection<T extends { id: string }, In>(of: Collection<T, In>): Collection<T, In>
  /** Another cache, or this one by its name: its entries are part of what the computation read. */
  cache<V = unknown>(name: string): WatchedCache<V>
}

/** A cache inside a computation. */
export interface WatchedCache<V> {
  /** The value, or undefined. */
  get(key: string): Promise<V | undefined>
  /** The value, computed as part of the outer computation if it is not there. */
  compute<R extends V>(key: string, compute: (watch: Watch) => R | Promise<R>, options?: LoadOptions): Promise<R>
}

/** A read outside any transaction, as it was made and answered. */
export interface Overheard {
  readonly command: Command
  readonly json: string
}
