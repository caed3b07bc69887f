/**
 * Upgrading documents to the version this code knows: one by one when read by id, all of them in the background, slice by slice,
 * each slice one transaction. Several tabs may do it at once: who loses a race finds the slice done.
 */
import { invalid, toError } from './errors.js'
import type { EventHub } from './events.js'
import type { Session } from './session.js'
import { atomically } from './transaction.js'
import type { AnyDocument } from './types/document.js'
import type { Migration } from './types/options.js'
import type { StandardSchema } from './types/schema.js'
import { type Stored, validateAll } from './validation.js'

/** A document with the version it was written with. */
export interface VersionedDocument {
  readonly document: AnyDocument | null
  readonly version: number
}

/** Documents per slice: a few milliseconds of work. */
const SLICE = 200
/** How often a slice may lose against other writers. */
const RETRIES = 50

interface Outdated {
  readonly docs: readonly AnyDocument[]
  readonly versions: readonly number[]
}

/** Upgrades one collection to one version. */
export class Migrator {
  readonly #collection: string
  readonly #version: number
  readonly #migrations: { readonly [version: number]: Migration }
  readonly #session: Session
  readonly #hub: EventHub
  readonly #schema: StandardSchema | undefined

  constructor(
    collection: string,
    version: number,
    migrations: { readonly [version: number]: Migration },
    session: Session,
    hub: EventHub,
    schema: StandardSchema | undefined,
  ) {
    this.#collection = collection
    this.#version = version
    this.#migrations = migrations
    this.#session = session
    this.#hub = hub
    this.#schema = schema
  }

  /** The document as the current version has it; not stored. */
  async upgrade(document: AnyDocument, version: number): Promise<AnyDocument> {
    let current = document
    for (let step = Math.max(version, 1) + 1; step <= this.#version; step++) {
      const migrate = this.#migrations[step]
      if (migrate === undefined) continue
      const next: unknown = await migrate(current)
      if (typeof next !== 'object' || next === null)
        throw invalid(`migrations[${step}] must return the document, got ${String(next)}`)
      if ((next as AnyDocument).id !== document.id)
        throw invalid(`migrations[${step}] must keep the id ${JSON.stringify(document.id)}`)
      current = next as AnyDocument
    }
    return current
  }

  /** Rewrites every older document; tells its progress. */
  async run(total: number): Promise<void> {
    let done = 0
    this.#tell('building', done, total)
    try {
      for (let size = await this.#slice(); size > 0; size = await this.#slice()) {
        done += size
        this.#tell('building', Math.min(done, total), total)
        await breathe()
      }
    } catch (thrown) {
      const error = toError(thrown)
      this.#tell('failed', done, total, error.message)
      throw error
    }
    this.#tell('ready', total, total)
  }

  /** Upgrades one slice in one transaction and answers how many documents it held. */
  #slice(): Promise<number> {
    return atomically(this.#session, { retries: RETRIES }, async (session) => {
      const command = { op: 'outdated', collection: this.#collection, below: this.#version, limit: SLICE }
      const { docs, versions } = (await session.read(command, 'migration')) as Outdated
      if (docs.length === 0) return 0
      const upgraded = await Promise.all(docs.map((document, at) => this.upgrade(document, versions[at] ?? 1)))
      const checked = this.#schema === undefined ? upgraded : await validateAll(upgraded as Stored[], this.#schema)
      await session.writeBatch('put', this.#collection, checked, this.#version)
      return docs.length
    })
  }

  #tell(state: 'building' | 'ready' | 'failed', done: number, total: number, message?: string): void {
    const progress = {
      kind: 'migration',
      collection: this.#collection,
      name: String(this.#version),
      state,
      done,
      total,
    } as const
    this.#hub.emit('progress', message === undefined ? progress : { ...progress, message })
  }
}

/** Lets the page paint and handle input. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
