/**
 * What a database knows of one collection, shared by all its `Collection` objects: its schema and version, and whether its
 * indexes exist and its documents are migrated. It stores nothing: the catalog is the engine's.
 */
import { invalid, notLoaded, TidewellError, toError } from './errors.js'
import type { EventHub } from './events.js'
import { toWireIndex } from './indexes.js'
import { seldom } from './later.js'
import type { Migrator, VersionedDocument } from './migration.js'
import type { Session } from './session.js'
import type { CollectionOptions } from './types/options.js'
import type { StandardSchema } from './types/schema.js'

/** What the engine says of a collection that was declared. */
interface Ensured {
  readonly version: number
  /** Its documents; there only where the code's version is above the collection's. */
  readonly count: number
}

/** One collection's declaration and how far it has been put into effect. */
export class Definition {
  readonly name: string
  schema: StandardSchema | undefined
  /** The version to store with written documents: the one that this code declared, whatever others do; undefined means the catalog's. */
  writeVersion: number | undefined
  /** Upgrades documents while the background migration runs. */
  migrator: Migrator | undefined
  readonly #session: Session
  readonly #hub: EventHub
  #declared = ''
  /** Declares the same again. */
  #again: (() => void) | undefined
  #ready: Promise<void> | undefined
  #migrated: Promise<void> | undefined

  constructor(name: string, session: Session, hub: EventHub) {
    this.name = name
    this.#session = session
    this.#hub = hub
    hub.on('progress', ({ collection, state }) => {
      if (collection === name && state === 'failed') this.forget()
    })
  }

  /** Takes the application's options; work begins at once, later calls wait for it. */
  declare(options: CollectionOptions & { readonly schema?: StandardSchema }): void {
    if (options.schema !== undefined) this.schema = options.schema
    const { search } = options
    if (
      options.indexes === undefined &&
      options.version === undefined &&
      options.migrations === undefined &&
      search === undefined
    )
      return
    const version = checkVersion(options)
    const indexes = (options.indexes ?? []).map((spec) => toWireIndex(spec))
    const declared = JSON.stringify([version, indexes, search])
    // The same declaration again (a component rendered twice) asks nothing new.
    if (declared === this.#declared) return
    this.#declared = declared
    this.#again = () => this.declare(options)
    this.writeVersion = version
    const before = this.#ready ?? Promise.resolve()
    const ready = before.catch(() => undefined).then(() => this.#ensure(version, indexes, options))
    this.#ready = ready
    ready.then(
      () => {
        if (this.#ready === ready) this.#ready = undefined
      },
      // Declaring the same again is then a new attempt.
      () => (this.#declared = ''),
    )
  }

  /** The same declaration is asked for anew the next time: something of it is gone. */
  forget(): void {
    this.#declared = ''
  }

  /** Looks again at what there is, such as documents of an older version. */
  renew(): void {
    this.forget()
    this.#again?.()
  }

  /** Whether every operation may be sent without waiting. */
  get isSettled(): boolean {
    return this.#ready === undefined && this.#migrated === undefined
  }

  /** Resolves when the collection and its indexes are declared; rejects with why they cannot be. */
  async ready(): Promise<void> {
    await this.#ready
  }

  /** Resolves when moreover every document has the current version. */
  async migrated(): Promise<void> {
    await this.#ready
    // As soon as `ready` where nothing is migrated: calls keep their order.
    if (this.#migrated !== undefined) await this.#migrated
  }

  async #ensure(version: number | undefined, indexes: readonly unknown[], options: CollectionOptions): Promise<void> {
    let search: unknown = options.search
    if (hasOwnAnalyzers(search)) {
      // Rare: a chunk of its own.
      const { takeApart } = await import('./search/declaration.js').catch(notLoaded)
      const { spec, analyzers } = takeApart(search)
      await this.#session.backend.analyzers(analyzers)
      search = spec
    }
    const command = {
      op: 'ensure',
      collection: this.name,
      code: version,
      indexes: indexes.length === 0 ? undefined : indexes,
      search,
    }
    const info = (await this.#session.write(command, 'collection')) as Ensured
    if (version === undefined) return
    if (info.version > version) {
      throw new TidewellError(
        'conflict',
        `the collection ${JSON.stringify(this.name)} is at version ${info.version}, this code knows ${version}: load the newer code`,
        { reason: 'version' },
      )
    }
    if (info.version === version) return
    // Version 0 is a collection that never declared one: its documents are of version 1.
    if (Math.max(info.version, 1) === version || info.count === 0) return this.#finish(version)
    const { Migrator } = await seldom()
    const migrator = new Migrator(this.name, version, options.migrations ?? {}, this.#session, this.#hub, this.schema)
    this.migrator = migrator
    const migrated = migrator.run(info.count).then(() => this.#finish(version))
    this.#migrated = migrated
    migrated.then(
      () => {
        this.#migrated = undefined
        this.migrator = undefined
      },
      (error: unknown) => this.#hub.emit('error', toError(error)),
    )
  }

  /** Raises the catalog's version: only now that no older document is left. */
  async #finish(version: number): Promise<void> {
    await this.#session.write({ op: 'ensure', collection: this.name, version }, 'collection')
  }

  /** Documents read by id, upgraded if they are of an older version. */
  upgrade(documents: readonly VersionedDocument[]): Promise<(object | null)[]> {
    const { migrator } = this
    return Promise.all(
      documents.map(({ document, version }) =>
        document === null || migrator === undefined ? document : migrator.upgrade(document, version),
      ),
    )
  }
}

function checkVersion({ version, migrations }: CollectionOptions): number | undefined {
  if (version === undefined) {
    if (migrations !== undefined)
      throw invalid('collection options: migrations need a version: say which version this code has')
    return undefined
  }
  if (!Number.isInteger(version) || version < 1 || version > 0xffff_ffff)
    throw invalid(`collection options: version must be a whole number from 1, got ${version}`)
  for (const key of Object.keys(migrations ?? {})) {
    const target = Number(key)
    if (!Number.isInteger(target) || target < 2 || target > version) {
      throw invalid(
        `collection options: migrations[${JSON.stringify(key)}]: a key is the version it leads to, from 2 to ${version}`,
      )
    }
  }
  return version
}

/** Whether a search declaration has analyzers of the application: objects, not names. */
function hasOwnAnalyzers(search: unknown): boolean {
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
  if (!isObject(search)) return false
  return Object.entries(search).some(([field, value]: [string, unknown]) =>
    isObject(field === '$analyzer' ? value : (value as { analyzer?: unknown } | null)?.analyzer),
  )
}
