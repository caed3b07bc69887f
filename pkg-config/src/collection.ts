/** A collection of documents, on the database or inside a transaction. It holds no documents: the engine does. */
import { throwIfAborted, untilAborted } from './abort.js'
import type { Definition } from './definition.js'
import { invalid, toError } from './errors.js'
import type { EventHub } from './events.js'
import { toWireHint, toWireIndex } from './indexes.js'
import { subscribeValue } from './live.js'
import { filterPlan, liveContext, Query, textOf } from './query.js'
import type { Session } from './session.js'
import type { Insertable, Path, PathValue } from './types/document.js'
import type { Filter } from './types/filter.js'
import type {
  DeleteResult,
  Hint,
  IndexInfo,
  IndexOptions,
  IndexSpec,
  CollectionInfo,
  LiveOptions,
  LiveValue,
  PutResult,
  ReadOptions,
  Sort,
  UpdateOptions,
  UpdateResult,
  WriteOptions,
} from './types/options.js'
import type { Stage } from './types/pipeline.js'
import type { SearchOptions, SearchQuery, SearchResult, SearchSuggestions } from './types/search.js'
import type { Update } from './types/update.js'
import { runUpdate, type UpdateTarget } from './update.js'
import { checkId, prepare, type Stored } from './validation.js'

/** The values `distinct` lists: those of a path, or of an array's elements. */
export type DistinctValue<V> = NonNullable<V> extends readonly (infer Element)[] ? Element : V

/** Options of {@link Collection.aggregate}. */
export interface AggregateOptions<T> extends ReadOptions {
  /** The index the leading `$match` and `$sort` should use. */
  readonly hint?: Hint<T> | undefined
}

/**
 * Documents of type `T`. `In` is what writing takes: the same without a need for an `id`, or what the schema accepts.
 *
 * Every method rejects with `TidewellError`: `invalid` for bad input, `closed` after the database or transaction ended, `quota`,
 * `unavailable`, `storage-lost`, `corrupt` or `internal` for what its code says.
 */
export class Collection<T extends { id: string }, In = Insertable<T>> {
  /** The collection's name. */
  readonly name: string
  readonly #session: Session
  readonly #definition: Definition
  readonly #hub: EventHub

  /** @internal */
  constructor(session: Session, definition: Definition, hub: EventHub) {
    this.name = definition.name
    this.#session = session
    this.#definition = definition
    this.#hub = hub
  }

  /**
   * Adds a document and resolves with it as stored: with its id (a UUIDv7 unless it has one), as the schema gave it back.
   * At most 1 MiB as JSON, 64 levels deep.
   *
   * @throws TidewellError `conflict`: `duplicate-id` or `unique`; `invalid`: reason `schema`, or what JSON values it cannot hold.
   */
  async insert(document: In, options?: WriteOptions): Promise<T> {
    const [stored] = (await this.#store('insert', [document], options)).documents
    return stored as unknown as T
  }

  /** Adds documents in one commit, all or none, and resolves with them as stored. */
  async insertMany(documents: readonly In[], options?: WriteOptions): Promise<T[]> {
    return (await this.#store('insert', documents, options)).documents as unknown as T[]
  }

  /** Adds a document, or takes the place of the one with its id. Resolves with it as stored. */
  async put(document: In, options?: WriteOptions): Promise<T> {
    const [stored] = (await this.#store('put', [document], options)).documents
    return stored as unknown as T
  }

  /** Adds or replaces documents in one commit. */
  async putMany(documents: readonly In[], options?: WriteOptions): Promise<PutResult> {
    const { result } = await this.#store('put', documents, options)
    const { inserted = 0, replaced = 0, ids = [] } = result as Partial<PutResult>
    return { inserted, replaced, ids }
  }

  /** Takes the place of the document with its id. Resolves with whether there was one; nothing is added. */
  async replace(document: In & { id: string }, options?: WriteOptions): Promise<boolean> {
    const { result } = await this.#store('replace', [document], options)
    return (result as { matched?: number }).matched === 1
  }

  /** The document with this id, or null. A few microseconds when it is in memory. */
  get(id: string, options?: ReadOptions): Promise<T | null> {
    try {
      checkId(id, 'get')
    } catch (error) {
      return Promise.reject(toError(error))
    }
    if (this.#definition.isSettled) return this.#session.get(this.name, id, options) as Promise<T | null>
    return this.getMany([id], options).then(([document]) => document ?? null)
  }

  /** The documents with these ids, in their order; null where there is none. */
  async getMany(ids: readonly string[], options?: ReadOptions): Promise<(T | null)[]> {
    checkIds(ids, 'getMany')
    if (!this.#definition.isSettled) await this.#definition.ready()
    const command = { op: 'getMany', collection: this.name, ids }
    if (this.#definition.migrator === undefined)
      return (await this.#session.read(command, 'getMany', options)) as (T | null)[]
    const { docs, versions } = (await this.#session.read({ ...command, versions: true }, 'getMany', options)) as {
      docs: (Stored | null)[]
      versions: number[]
    }
    return (await this.#definition.upgrade(
      docs.map((document, at) => ({ document, version: versions[at] ?? 1 })),
    )) as (T | null)[]
  }

  /**
   * Changes the document with this id by update operators. With a schema the result is validated before it is committed.
   * Nothing happens if there is none, unless `upsert` is set.
   */
  async update(id: string, update: Update<T>, options?: UpdateOptions): Promise<UpdateResult> {
    checkId(id, 'update')
    return this.#update({ id }, update, options)
  }

  /** Changes every document that meets the filter, in one commit. */
  async updateMany(filter: Filter<T>, update: Update<T>, options?: UpdateOptions): Promise<UpdateResult> {
    return this.#update({ filter: checkFilter(filter, 'updateMany') }, update, options)
  }

  /** Removes the document with this id. Resolves with whether there was one. */
  async delete(id: string, options?: WriteOptions): Promise<boolean> {
    checkId(id, 'delete')
    return (await this.#delete({ id }, options)).deleted > 0
  }

  /** Removes every document that meets the filter, or has one of the ids, in one commit. `{}` removes all. */
  async deleteMany(which: Filter<T> | readonly string[], options?: WriteOptions): Promise<DeleteResult> {
    if (!Array.isArray(which)) return this.#delete({ filter: checkFilter(which, 'deleteMany') }, options)
    checkIds(which, 'deleteMany')
    return this.#delete({ ids: which }, options)
  }

  /** A lazy query for the documents that meet the filter; all of them without one. */
  find(filter?: Filter<T>): Query<T> {
    return new Query<T>(this.#session, this.#definition, this.#hub, filterPlan(filter))
  }

  /** The first document that meets the filter, in the given order or that of ids; or null. */
  findOne(filter?: Filter<T>, options: ReadOptions & { readonly sort?: Sort<T> } = {}): Promise<T | null> {
    const query = this.find(filter)
    return (options.sort === undefined ? query : query.sort(options.sort)).first(options)
  }

  /** How many documents meet the filter. */
  count(filter?: Filter<T>, options?: ReadOptions): Promise<number> {
    return this.find(filter).count(options)
  }

  /** The different values at a path (of an array: its elements), in value order. */
  async distinct<P extends Path<T>>(
    path: P,
    filter?: Filter<T>,
    options?: ReadOptions,
  ): Promise<DistinctValue<PathValue<T, P>>[]> {
    const waiting = this.#queryable()
    if (waiting !== undefined) await waiting
    return (await this.#session.read(
      { op: 'distinct', collection: this.name, path, filter },
      'distinct',
      options,
    )) as DistinctValue<PathValue<T, P>>[]
  }

  /** Runs an aggregation pipeline. Name the result's type: `aggregate<{ _id: string; n: number }>([…])`. */
  async aggregate<R = Record<string, unknown>>(
    pipeline: readonly Stage<T>[],
    options: AggregateOptions<T> = {},
  ): Promise<R[]> {
    const waiting = this.#queryable()
    if (waiting !== undefined) await waiting
    return (await this.#session.read(this.#pipeline(pipeline, options), 'aggregate', options)) as R[]
  }

  /** Calls back with a pipeline's result, now and whenever it changes. Returns what ends it. */
  subscribeAggregate<R = Record<string, unknown>>(
    pipeline: readonly Stage<T>[],
    callback: (result: LiveValue<R[]>) => void,
    options: LiveOptions = {},
  ): () => void {
    const context = liveContext(this.#session, this.#definition, this.#hub, 'aggregate', this.#pipeline(pipeline, {}))
    return subscribeValue(context, callback, options)
  }

  /**
   * The documents that match a full-text query best. The collection's `search` option declares the fields; a search index
   * that is still being filled is waited for.
   *
   * @throws TidewellError `invalid`: reason `no-search-index` without a declaration.
   */
  async search(query: SearchQuery, options: SearchOptions<T> = {}): Promise<SearchResult<T>> {
    const waiting = this.#queryable()
    if (waiting !== undefined) await waiting
    const { signal } = options
    const command = this.#searching(query, options)
    try {
      return (await this.#session.read(command, 'search', { signal })) as SearchResult<T>
    } catch (error) {
      if (toError(error).reason !== 'building' || this.#session.tx !== undefined) throw error
      const built = this.#session.write({ op: 'waitSearch', collection: this.name }, 'search')
      await untilAborted(built, signal)
      return (await this.#session.read(command, 'search', { signal })) as SearchResult<T>
    }
  }

  /** Calls back with a search's result, now and whenever a commit changes it. Returns what ends it. */
  subscribeSearch(
    query: SearchQuery,
    options: SearchOptions<T>,
    callback: (result: LiveValue<SearchResult<T>>) => void,
    live: LiveOptions = {},
  ): () => void {
    const command = this.#searching(query, options)
    return subscribeValue(liveContext(this.#session, this.#definition, this.#hub, 'search', command), callback, live)
  }

  /** @internal What tells a search apart from others: the session it reads in, and what it asks. */
  searchIdentity(query: SearchQuery, options: SearchOptions<T>): readonly [owner: object, key: string] {
    return [this.#session, textOf(this.#searching(query, options), 'search')]
  }

  /** How a text may go on, and what may have been meant. `field` says how the text is read (default: the first one declared). */
  async suggest(
    text: string,
    options: ReadOptions & { readonly field?: Path<T> | undefined; readonly limit?: number | undefined } = {},
  ): Promise<SearchSuggestions> {
    const waiting = this.#queryable()
    if (waiting !== undefined) await waiting
    const { field, limit, ...rest } = options
    const command = { op: 'suggest', collection: this.name, text, field, limit }
    return (await this.#session.read(command, 'suggest', rest)) as SearchSuggestions
  }

  /** Removes the search index. Resolves with whether there was one. */
  async dropSearch(): Promise<boolean> {
    this.#outsideTransaction('dropSearch')
    const result = await this.#session.write({ op: 'dropSearch', collection: this.name }, 'dropSearch')
    this.#definition.forget()
    return (result as { dropped: boolean }).dropped
  }

  /**
   * Builds an index and resolves when queries use it. Existing documents are indexed in the background.
   *
   * @throws TidewellError `conflict`: `unique` if documents violate it (the index is removed), `index-differs` if that name is taken.
   */
  async createIndex(spec: IndexSpec<T>, options: IndexOptions = {}): Promise<IndexInfo> {
    this.#outsideTransaction('createIndex')
    const { signal } = options
    throwIfAborted(signal)
    const index = toWireIndex(spec)
    // What was there before is not this call's to give up.
    const known = signal !== undefined && (await this.indexes()).some(({ name }) => name === index.name)
    const off = this.#hub.on('progress', (progress) => {
      if (progress.kind === 'index' && progress.collection === this.name && progress.name === index.name)
        options.onProgress?.(progress)
    })
    try {
      const built = this.#session.write({ op: 'createIndex', collection: this.name, index }, 'createIndex')
      return (await untilAborted(built, signal)) as IndexInfo
    } catch (error) {
      if (!known && toError(error).code === 'aborted') await this.dropIndex({ name: index.name }).catch(() => false)
      throw error
    } finally {
      off()
    }
  }

  /** Removes an index, named by its paths as declared or by its name. Resolves with whether there was one. */
  async dropIndex(index: Path<T> | readonly Path<T>[] | { readonly name: string }): Promise<boolean> {
    this.#outsideTransaction('dropIndex')
    const name = toWireHint<T>(index)
    const result = await this.#session.write({ op: 'dropIndex', collection: this.name, name }, 'dropIndex')
    this.#definition.forget()
    return (result as { dropped: boolean }).dropped
  }

  /** The collection's indexes, those being built included. */
  async indexes(options?: ReadOptions): Promise<readonly IndexInfo[]> {
    await this.#definition.ready()
    const all = (await this.#session.read({ op: 'collections' }, 'indexes', options)) as CollectionInfo[]
    return all.find(({ name }) => name === this.name)?.indexes ?? []
  }

  #searching(query: SearchQuery, { signal: _, sort, ...options }: SearchOptions<T>) {
    const order = typeof sort === 'string' && sort !== 'score' ? [[sort, 1]] : sort
    return { op: 'search', collection: this.name, query, ...options, sort: order, page: true }
  }

  #pipeline(pipeline: readonly Stage<T>[], options: AggregateOptions<T>) {
    return { op: 'aggregate', collection: this.name, pipeline, hint: toWireHint(options.hint) }
  }

  async #store(operation: 'insert' | 'put' | 'replace', documents: readonly In[], options: WriteOptions | undefined) {
    this.#session.check()
    if (!Array.isArray(documents)) throw invalid(`${operation}Many: give an array of documents`)
    if (!this.#definition.isSettled) await this.#definition.ready()
    const prepared = prepare(documents, this.#definition.schema)
    const ready = prepared instanceof Promise ? await prepared : prepared
    if (ready.length === 0) return { documents: ready, result: {} }
    const result = await this.#session.writeBatch(operation, this.name, ready, this.#definition.writeVersion, options)
    return { documents: ready, result }
  }

  async #update(target: UpdateTarget, update: Update<T>, options: UpdateOptions | undefined): Promise<UpdateResult> {
    const waiting = this.#queryable()
    if (waiting !== undefined) await waiting
    return runUpdate(this.#session, this.#definition, target, update, options ?? {})
  }

  async #delete(target: Readonly<Record<string, unknown>>, options: WriteOptions | undefined): Promise<DeleteResult> {
    const waiting =
      'filter' in target ? this.#queryable() : this.#definition.isSettled ? undefined : this.#definition.ready()
    if (waiting !== undefined) await waiting
    const result = await this.#session.write({ op: 'delete', collection: this.name, ...target }, 'delete', options)
    return { deleted: (result as DeleteResult).deleted }
  }

  /** What queries wait for, if anything: calls that wait for nothing keep their order with those that never do. */
  #queryable(): Promise<void> | undefined {
    this.#session.check()
    return this.#definition.isSettled ? undefined : this.#definition.migrated()
  }

  #outsideTransaction(method: string): void {
    if (this.#session.tx !== undefined)
      throw invalid(`${method}: indexes cannot change inside a transaction; call it on the database's collection`)
  }
}

function checkIds(ids: unknown, name: string): asserts ids is readonly string[] {
  if (!Array.isArray(ids)) throw invalid(`${name}: give an array of ids`)
  ids.forEach((id, at) => checkId(id, `${name} at "${at}"`))
}

/** A missing filter where everything would be changed is more likely a mistake than a wish. */
function checkFilter(filter: unknown, name: string): unknown {
  if (typeof filter !== 'object' || filter === null)
    throw invalid(`${name}: a filter is needed; give {} for every document`)
  return filter
}
