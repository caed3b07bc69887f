/** An open database: its collections, transactions, backup, figures and events. The engine behind it is a `Backend`. */
import { throwIfAborted } from './abort.js'
import { attachmentsOf } from './attachments/handle.js'
import type { Attachments } from './attachments/types.js'
import type { Backend, BackendEvent } from './backend.js'
import { Cache } from './cache/handle.js'
import type { CacheHub } from './cache/hub.js'
import { type CacheOptions, settle } from './cache/options.js'
import { Collection } from './collection.js'
import { Definition } from './definition.js'
import { invalid, notLoaded, toError } from './errors.js'
import { type DatabaseEvents, EventHub, type EventName } from './events.js'
import { type Seldom, seldom } from './later.js'
import { Job } from './jobs/handle.js'
import type { JobDefinition, TopicJob } from './jobs/types.js'
import { databaseClosed, Session } from './session.js'
import { readStorage, requestPersistence } from './storage.js'
import { Description } from './streams/handle.js'
import type { StreamSource } from './streams/options.js'
import { SyncHandle } from './sync/handle.js'
import type { Sync, SyncOptions } from './sync/types.js'
import { type Topic, topicHandle } from './topics/handle.js'
import type { TopicHub } from './topics/hub.js'
import type { Change, TopicOptions } from './topics/options.js'
import type { Transaction } from './transaction.js'
import { type ExportStream, exportStream, type ImportSource } from './transfer.js'
import type { AnyDocument, Insertable, WithId } from './types/document.js'
import type { Inspection } from './types/inspection.js'
import type {
  CollectionInfo,
  CollectionOptions,
  Durability,
  Fault,
  FaultOptions,
  ImportResult,
  ReadOptions,
  SchemaOptions,
  Stats,
  StorageInfo,
  TransactionOptions,
  WriteOptions,
} from './types/options.js'
import type { InferInput, InferOutput, StandardSchema } from './types/schema.js'
import { uuidv7 } from './uuid.js'

/**
 * An open database. Many tabs may have the same one open; each sees every commit of the others.
 *
 * Close it with {@link Database.close}, or let `await using` do so.
 */
export class Database {
  /** The name it was opened by. */
  readonly name: string
  /** Whether it was opened with faults, so that {@link Database.rehearse} may change them. */
  readonly canRehearse: boolean
  readonly #backend: Backend
  readonly #hub: EventHub
  readonly #session: Session
  readonly #definitions = new Map<string, Definition>()
  #closing: Promise<void> | undefined
  #caches: Promise<CacheHub> | undefined
  #topics: Promise<TopicHub> | undefined
  readonly #attachments = new Map<string, Attachments>()
  #sync: SyncHandle | undefined

  /** @internal */
  constructor(name: string, backend: Backend, hub: EventHub, durability: Durability, canRehearse = false) {
    this.name = name
    this.canRehearse = canRehearse
    this.#backend = backend
    this.#hub = hub
    this.#session = new Session(backend, durability)
  }

  /**
   * A collection, typed by its schema.
   *
   * @param name 1 to 128 bytes of UTF-8, no control characters, not starting with `$`.
   */
  collection<S extends StandardSchema<unknown, { id: string }>>(
    name: string,
    options: SchemaOptions<S>,
  ): Collection<InferOutput<S>, Partial<Pick<InferInput<S>, 'id' & keyof InferInput<S>>> & Omit<InferInput<S>, 'id'>>
  /**
   * A collection of documents of type `T`. It comes into being with its first document or index; returning it costs nothing.
   * What its options ask for begins at once; later calls wait for it, and reject with its error if it fails.
   */
  collection<T extends object = AnyDocument>(
    name: string,
    options?: CollectionOptions<WithId<NoInfer<T>>>,
  ): Collection<WithId<T>>
  collection(name: string, options: CollectionOptions & { readonly schema?: StandardSchema } = {}): unknown {
    this.#session.check()
    if (typeof name !== 'string') throw invalid(`collection: a name must be a string, got ${typeof name}`)
    const definition = this.#define(name)
    definition.declare(options)
    return new Collection<AnyDocument, Insertable<AnyDocument>>(this.#session, definition, this.#hub)
  }

  /**
   * Runs `work` in one serializable transaction over any of the collections and commits when it returns. When another writer got
   * in between, `work` is run again on the new state, so it should do nothing outside the database. An error rolls back.
   *
   * @throws TidewellError `conflict`, reason `retry`, after as many retries as allowed; whatever `work` throws.
   */
  async transaction<R>(work: (tx: Transaction) => R | Promise<R>, options: TransactionOptions = {}): Promise<R> {
    this.#session.check()
    // Queries inside see one snapshot: migrations must be over before it is taken.
    await this.#migrated()
    const parts = await seldom()
    return parts.atomically(this.#session, options, async (session) => work(this.#transaction(parts, session)))
  }

  /**
   * A cache, shared by all tabs. It comes into being with its first value; returning it costs nothing.
   *
   * @param name 1 to 128 bytes of UTF-8.
   */
  cache<V = unknown>(name: string, options?: CacheOptions): Cache<V> {
    this.#session.check()
    if (typeof name !== 'string' || name === '') throw invalid('cache: a name must be a string that is not empty')
    if (options !== undefined) settle(options)
    return new Cache<V>(name, async () => (await this.#openCaches()).cache(name, options))
  }

  /**
   * A job: a large computation over a collection, or the messages of a topic, run in slices that survive a killed tab. Returning it costs nothing.
   *
   * @param name 1 to 128 bytes of UTF-8. A job has one unfinished run at a time, whichever tab runs it.
   */
  job<M, V = unknown, R = unknown>(name: string, definition: TopicJob<M, V, R>): Job
  job<T extends object = AnyDocument, V = unknown, R = unknown>(
    name: string,
    definition: JobDefinition<WithId<T>, V, R>,
  ): Job
  job(name: string, definition: unknown): Job {
    this.#session.check()
    const load = async () =>
      (await import('./jobs/load.js').catch(notLoaded)).loadJob(
        name,
        this.name,
        this.#session,
        definition,
        this.#migrated,
        this.#hub,
      )
    return new Job(name, load, (error) => this.#hub.emit('error', toError(error)))
  }

  #openCaches(): Promise<CacheHub> {
    this.#caches ??= import('./cache/hub.js').then(
      ({ CacheHub }) => {
        const caches = new CacheHub(this.name, this.#session, this.#migrated, (of, session) => {
          const name = typeof of === 'string' ? of : (of as { readonly name: string }).name
          return new Collection<{ id: string }, unknown>(session, this.#define(name), this.#hub)
        })
        this.#hub.caches = caches
        return caches
      },
      (error: unknown) => {
        this.#caches = undefined
        throw error
      },
    )
    return this.#caches
  }

  /**
   * A topic, shared by all tabs. It comes into being with its first message or consumer; returning it costs nothing.
   *
   * @param name 1 to 128 bytes of UTF-8, no control characters.
   */
  topic<V = unknown>(name: string, options?: TopicOptions): Topic<V> {
    this.#session.check()
    if (typeof name !== 'string' || name === '') throw invalid('topic: a name must be a string that is not empty')
    return topicHandle<V>(name, async () => (await this.#openTopics()).topic(name, options), this.#session)
  }

  /**
   * The changes of a collection as a topic: each document before and after, published by the commit that changed it. It begins with
   * the first use of it, in whatever tab, and ends never.
   */
  changes<T extends { id: string }, In>(of: Collection<T, In>, options?: TopicOptions): Topic<Change<T>>
  changes<T extends object = AnyDocument>(of: string, options?: TopicOptions): Topic<Change<WithId<T>>>
  changes(of: string | { readonly name: string }, options?: TopicOptions): unknown {
    return this.topic(`$changes/${typeof of === 'string' ? of : of.name}`, options)
  }

  /**
   * A stream: what becomes of the messages of a topic, or the changes of a collection, as they come. It is described step by step, and
   * does nothing until `run`.
   *
   * @param name 1 to 100 bytes of UTF-8: what it remembers is stored under it, so two streams have two names.
   */
  stream(name: string): StreamSource {
    return new Description({ database: this, topics: () => this.#openTopics() }, name) as unknown as StreamSource
  }

  /**
   * Syncs collections with a server, from now on, as long as this is open: what is written to them is written as always, and goes to the
   * server when it can; what others write comes. Of several tabs one does it.
   *
   * @throws TidewellError `invalid`, reason `already-syncing`, while this database syncs already: stop that first.
   */
  sync(options: SyncOptions): Sync {
    this.#session.check()
    const before = this.#sync
    if (before?.isStopped === false)
      throw invalid('sync: this database is being synced already: stop that first', 'already-syncing')
    this.#sync = new SyncHandle(this.name, this.#session, this.#hub, before, options)
    return this.#sync
  }

  /**
   * The attachments of a collection's documents: files of up to 64 MiB each, stored as documents of the collection `NAME.files`.
   *
   * @param of the collection, or its name: at most 117 bytes then.
   */
  attachments(of: string | { readonly name: string }): Attachments {
    this.#session.check()
    const name = typeof of === 'string' ? of : of?.name
    if (typeof name !== 'string' || name === '') throw invalid('attachments: give a collection, or its name')
    const known = this.#attachments.get(name)
    if (known !== undefined) return known
    const host = {
      database: this,
      session: this.#session,
      hub: this.#hub,
      newId: uuidv7,
      seldom,
      streamOf: exportStream,
    }
    const handle = attachmentsOf(host, name)
    this.#attachments.set(name, handle)
    return handle
  }

  #transaction(parts: Seldom, session: Session): Transaction {
    return new parts.Transaction(
      session,
      (name) => this.#define(name),
      this.#hub,
      async (name) => (await this.#openTopics()).topic(name, undefined),
    )
  }

  #openTopics(): Promise<TopicHub> {
    this.#topics ??= Promise.all([import('./topics/hub.js'), seldom()]).then(
      ([{ TopicHub }, parts]) => {
        const topics = new TopicHub({
          database: this.name,
          session: this.#session,
          settled: this.#migrated,
          transaction: (session) => this.#transaction(parts, session),
          report: (error) => this.#hub.emit('error', error),
          wakeIn: (ms) => this.#hub.wakeIn?.(ms) ?? false,
          atomically: parts.atomically,
          newId: uuidv7,
        })
        this.#hub.topics = topics
        return topics
      },
      (error: unknown) => {
        this.#topics = undefined
        throw error
      },
    )
    return this.#topics
  }

  readonly #migrated = async (): Promise<void> => {
    for (const definition of this.#definitions.values()) {
      if (!definition.isSettled) await definition.migrated()
    }
  }

  /** The collections there are. */
  async collections(options?: ReadOptions): Promise<readonly CollectionInfo[]> {
    return (await this.#session.read({ op: 'collections' }, 'collections', options)) as CollectionInfo[]
  }

  /** Removes a collection with its documents and indexes. Resolves with whether there was one; space is given back in the background. */
  async dropCollection(name: string, options?: WriteOptions): Promise<boolean> {
    const result = await this.#session.write({ op: 'dropCollection', collection: name }, 'dropCollection', options)
    this.#definitions.get(name)?.forget()
    this.#definitions.delete(name)
    return (result as { dropped: boolean }).dropped
  }

  /** A backup of the whole database as of now, as JSON lines: an async iterable of bytes, or by `.stream()` a `ReadableStream`. */
  export(options: ReadOptions = {}): ExportStream {
    this.#session.check()
    throwIfAborted(options.signal)
    return exportStream(() => this.#backend.export(), options.signal)
  }

  /**
   * Writes the documents of a backup. Documents with the same id are replaced, others stay. Each batch is atomic, the whole is not:
   * after an interruption import it again. Documents of an older version than this code has declared are migrated.
   *
   * @throws TidewellError `invalid` if it is no backup, is cut off or damaged (what was written before stays).
   */
  async import(source: ImportSource, options: ReadOptions = {}): Promise<ImportResult> {
    this.#session.check()
    const { chunksOf } = await seldom()
    const importer = await this.#backend.import()
    for await (const chunk of chunksOf(source)) {
      throwIfAborted(options.signal)
      await importer.push(chunk)
    }
    const result = JSON.parse((await importer.finish()).json) as ImportResult
    // A backup may be of an older version.
    for (const definition of this.#definitions.values()) definition.renew()
    return result
  }

  /** What the engine has been doing: latency percentiles per operation, log, tables, cache. */
  async stats(): Promise<Stats> {
    return (await this.#session.read({ op: 'stats' }, 'stats')) as Stats
  }

  /** What goes on: live queries of this instance, topics with the lag of their groups, jobs, caches. For tools. */
  async inspect(): Promise<Inspection> {
    this.#session.check()
    return (await import('./inspect.js').catch(notLoaded)).inspectNow(this.#session, this.#hub)
  }

  /**
   * Changes what goes wrong with storage, at once and in the middle of what is going on: `{}` for nothing any more. The database must have
   * been opened with {@link OpenOptions.faults}, which may be `{}`.
   */
  async rehearse(faults: FaultOptions): Promise<void> {
    this.#session.check()
    const plan = (await import('./faults.js').catch(notLoaded)).planOf(faults)
    await this.#backend.rehearse(plan.faults, plan.latency)
  }

  /** Writes what is in memory to tables. The engine does so by itself; a test or a benchmark may want it now. */
  async flush(): Promise<void> {
    await this.#session.control({ op: 'flush' })
  }

  /** Merges tables until there is nothing to gain. The engine does so by itself, in slices. */
  async compact(): Promise<void> {
    await this.#session.control({ op: 'compact' })
  }

  /** Asks the browser not to evict this origin's data. Resolves with whether it promised; Firefox asks the user first. */
  persist(): Promise<boolean> {
    return requestPersistence()
  }

  /** Where data lives, how much the origin may use and uses. */
  storage(): Promise<StorageInfo> {
    return readStorage(this.#backend.kind)
  }

  /** Calls `listener` at every `event`. Returns what removes it. */
  on<E extends EventName>(event: E, listener: (event: DatabaseEvents[E]) => void): () => void {
    if (!this.#hub.knows(event)) throw invalid(`on: there is no event ${JSON.stringify(event)}`)
    const off = this.#hub.on(event, listener)
    if (event === 'commit') void this.#tellCommits()
    return off
  }

  async #tellCommits(): Promise<void> {
    try {
      await (await import('./inspect.js').catch(notLoaded)).startInspection(this.#session, this.#hub)
    } catch (error) {
      this.#hub.emit('error', toError(error))
    }
  }

  /** Finishes what is being written and lets go of storage. Later calls reject with `closed`. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  /** {@link Database.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #shut(): Promise<void> {
    const topics = this.#topics === undefined ? undefined : await this.#topics.catch(() => undefined)
    if (topics !== undefined) await topics.close()
    await this.#sync?.stop()
    this.#session.end(databaseClosed(this.name))
    topics?.wake()
    try {
      await this.#backend.close()
    } catch (error) {
      // A dead engine has nothing left to close.
      const { code } = toError(error)
      if (code !== 'internal' && code !== 'closed') throw error
    }
  }

  #define(name: string): Definition {
    const known = this.#definitions.get(name)
    if (known !== undefined) return known
    const definition = new Definition(name, this.#session, this.#hub)
    this.#definitions.set(name, definition)
    return definition
  }
}

/** Passes the backend's events on to the application's listeners. */
export function forwardEvents(hub: EventHub): (event: BackendEvent) => void {
  return (event) => {
    switch (event.kind) {
      case 'index': {
        const { message, ...progress } = event
        return hub.emit('progress', message === undefined ? progress : { ...progress, message })
      }
      case 'cache':
        hub.caches?.hear(event)
        return hub.inspector?.hear(event)
      case 'commit':
        return hub.inspector?.hear(event)
      case 'topic':
        return hub.topics?.hear(event)
      case 'sync':
        return hub.sync?.hear(event)
      case 'storage-lost':
      case 'quota':
      case 'blocked':
        return hub.emit(event.kind, { message: event.message })
      case 'fault':
        return hub.emit('fault', { operation: event.operation, fault: event.fault as Fault })
      case 'dead':
        // Whoever closes it knows, and the engine tells its live queries.
        return event.code === 'closed' ? undefined : hub.die(toError(event))
      case 'error':
        return hub.emit('error', toError(event))
    }
  }
}
