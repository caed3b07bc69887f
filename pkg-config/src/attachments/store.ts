/**
 * Attachments as documents of a companion collection: a head for each, and chunks of its bytes, written before it. So a half attachment is
 * never seen, and everything that holds of documents holds of them. What puts leave behind is `leftovers.ts`.
 */
import { throwIfAborted } from '../abort.js'
import type { Database } from '../database.js'
import { invalid, TidewellError, toError } from '../errors.js'
import type { EventHub } from '../events.js'
// Needed as a whole, with what it imports, so that the bundler does not cut the API's file into smaller ones for this chunk.
import '../session.js'
import type { Seldom } from '../later.js'
import type { Session } from '../session.js'
import type { Transaction } from '../transaction.js'
import type { exportStream } from '../transfer.js'
import type { ByteStream, Signal } from '../types/signal.js'
import { alive } from './alive.js'
import { checkFields, checkNames, checkType } from './check.js'
import { clear, orphans, type Place, sweep, sweepOthers } from './leftovers.js'
import { chunkId, filesOf, putsOf } from './names.js'
import { pieces } from './pieces.js'
import { bytesOf, collected, replaced } from './read.js'
import { asHead, CHUNK, discard, type Files, type Head, headOf, infoOf, isComplete, SIZE_MAX } from './records.js'
import { Sha256 } from './sha256.js'
import type {
  AttachmentCleanOptions,
  AttachmentDeleteOptions,
  AttachmentInfo,
  AttachmentPutOptions,
  Attachments,
  AttachmentSource,
} from './types.js'

/** What it needs of its database. */
export interface StoreHost {
  readonly database: Database
  readonly session: Session
  readonly hub: EventHub
  // What the API's file has already, handed over so that the bundler does not cut that into smaller ones.
  readonly newId: () => string
  readonly seldom: () => Seldom | Promise<Seldom>
  readonly streamOf: typeof exportStream
}

/** How long whoever uses attachments first is left alone. */
const FIRST_USE_MS = 300
/** Puts of one name get in each other's way. */
const RETRIES = 100

type Reading = { readonly signal?: Signal | undefined }

/** @internal */
export class Store implements Attachments {
  readonly collection: string
  readonly files: string
  readonly #host: StoreHost
  readonly #place: Place

  constructor(host: StoreHost, collection: string) {
    const { database, session } = host
    const [files, puts] = [filesOf(collection), putsOf(collection)]
    this.collection = collection
    this.files = files
    this.#host = host
    this.#place = {
      database,
      collection,
      alone: session.backend.kind !== 'indexeddb',
      files: database.collection(files, { indexes: ['document', 'generation'] }),
      puts: database.collection(puts),
      in: (tx) => ({ files: tx.collection(files), puts: tx.collection(puts) }),
    }
    setTimeout(() => void this.#sweepOnce(), FIRST_USE_MS)
  }

  async #sweepOnce(): Promise<void> {
    try {
      await sweep(this.#place)
    } catch (thrown) {
      const error = toError(thrown)
      if (error.code !== 'closed') this.#host.hub.emit('error', error)
    }
  }

  async put(
    document: string,
    name: string,
    source: AttachmentSource,
    options: AttachmentPutOptions = {},
  ): Promise<AttachmentInfo> {
    const id = checkNames('put', document, name)
    const own = { type: checkType(options.type, source), fields: checkFields(options.fields) }
    checkSize((source as { byteLength?: number } | null)?.byteLength ?? (source as { size?: number } | null)?.size ?? 0)
    throwIfAborted(options.signal)
    const generation = this.#host.newId()
    const { puts } = this.#place
    return alive(generation, async () => {
      await puts.insert({ id: generation, head: id, state: 'begun', at: Date.now() }, writing(options))
      try {
        const written = await this.#write(generation, source, own.fields, options)
        const head: Head = {
          ...own.fields,
          id,
          document,
          name,
          type: own.type,
          created: new Date(),
          generation,
          ...written,
        }
        await this.#finish(head, options)
        return infoOf(head, true)
      } catch (error) {
        // What cannot be cleared now is cleared by the next sweep.
        await clear(this.#place, generation).catch(() => undefined)
        throw error
      }
    })
  }

  /** Writes the chunks: while one is being stored, the next is read. */
  async #write(
    generation: string,
    source: AttachmentSource,
    fields: Readonly<Record<string, unknown>>,
    options: AttachmentPutOptions,
  ): Promise<Pick<Head, 'size' | 'chunks' | 'digest'>> {
    const hash = new Sha256()
    let [size, chunks] = [0, 0]
    let storing: Promise<unknown> = Promise.resolve()
    try {
      for await (const bytes of pieces(await this.#host.seldom(), source, CHUNK, options.signal)) {
        checkSize(size + bytes.length)
        hash.update(bytes)
        await storing
        if (size > 0) tell(options.onProgress, size)
        const chunk = { ...fields, id: chunkId(generation, chunks), generation, bytes }
        storing = this.#place.files.insert(chunk, writing(options))
        storing.catch(() => undefined)
        size += bytes.length
        chunks++
      }
      await storing
    } finally {
      await storing.catch(() => undefined)
    }
    tell(options.onProgress, size)
    return { size, chunks, digest: hash.hex() }
  }

  /** One commit: the new head, and away with the chunks of the old one. */
  async #finish(head: Head, { durability, signal }: AttachmentPutOptions): Promise<void> {
    const record = { id: head.generation, head: head.id, state: 'put' as const, at: Date.now() }
    const { collections } = await this.#syncing()
    await this.#place.database.transaction(
      async (tx) => {
        const at = this.#place.in(tx)
        if ((await at.puts.get(head.generation)) === null) throw abandoned(head)
        const before = await headOf(at.files, head.id)
        await at.files.put(head)
        if (before !== undefined) await discard(at, before)
        if (collections.includes(this.files)) await at.puts.put(record)
        else await at.puts.delete(record.id)
      },
      { durability, signal, retries: RETRIES },
    )
  }

  async get(document: string, name: string, options?: Reading) {
    return this.#read('get', document, name, options, async (head, chunks) => {
      const parts: BlobPart[] = []
      for await (const chunk of chunks) parts.push(chunk as Uint8Array<ArrayBuffer>)
      return new Blob(parts, { type: head.type })
    })
  }

  async bytes(document: string, name: string, options?: Reading) {
    return this.#read('bytes', document, name, options, collected)
  }

  /** Begins again if another is put while it reads. */
  async #read<R>(
    what: string,
    document: string,
    name: string,
    options: Reading = {},
    collect: (head: Head, chunks: AsyncGenerator<Uint8Array, void, undefined>) => Promise<R>,
  ): Promise<R | undefined> {
    const id = checkNames(what, document, name)
    for (let tries = 1; ; tries++) {
      const head = await headOf(this.#place.files, id, options)
      if (head === undefined) return undefined
      try {
        return await collect(head, bytesOf(this.#place.files, head, options))
      } catch (error) {
        if (!replaced(error) || tries > RETRIES) throw error
      }
    }
  }

  async stream(document: string, name: string, options: Reading = {}): Promise<ByteStream | undefined> {
    const head = await headOf(this.#place.files, checkNames('stream', document, name), options)
    if (head === undefined) return undefined
    return this.#host.streamOf(() => bytesOf(this.#place.files, head, options), options.signal).stream()
  }

  async info(document: string, name: string): Promise<AttachmentInfo | undefined> {
    const head = await headOf(this.#place.files, checkNames('info', document, name))
    return head === undefined ? undefined : this.#infoOf(head)
  }

  async list(document: string): Promise<AttachmentInfo[]> {
    return Promise.all((await headsOf(this.#place, document, 'list')).map((head) => this.#infoOf(head)))
  }

  async #infoOf(head: Head): Promise<AttachmentInfo> {
    return infoOf(head, await isComplete(this.#place.files, head))
  }

  async delete(document: string, name: string, options?: AttachmentDeleteOptions): Promise<boolean> {
    const id = checkNames('delete', document, name)
    return this.#within(options, async (at) => {
      const head = await headOf(at.files, id)
      const isThere = await at.files.delete(id)
      if (head !== undefined) await discard(at, head)
      return isThere
    })
  }

  async deleteAll(document: string, options?: AttachmentDeleteOptions): Promise<number> {
    return this.#within(options, async (at) => {
      const heads = await headsOf(at, document, 'deleteAll')
      for (const head of heads) {
        await at.files.delete(head.id)
        await discard(at, head)
      }
      return heads.length
    })
  }

  #within<R>({ tx, durability }: AttachmentDeleteOptions = {}, work: (at: Files) => Promise<R>): Promise<R> {
    const inside = (tx: Transaction) => work(this.#place.in(tx))
    if (tx !== undefined) return inside(tx)
    return this.#place.database.transaction(inside, { durability, retries: RETRIES })
  }

  async clean({ olderThan, gone = false }: AttachmentCleanOptions = {}) {
    if (olderThan !== undefined && !(olderThan >= 0)) throw invalid('clean: olderThan must be milliseconds from 0')
    const { collections, whole } = await this.#syncing()
    if (collections.includes(this.files) && !whole)
      throw new TidewellError('unavailable', 'clean: the download is not complete: try again when it is', {
        reason: 'incomplete',
      })
    let puts = await sweep(this.#place)
    if (olderThan !== undefined) puts += await sweepOthers(this.#place, Date.now() - olderThan)
    let attachments = 0
    if (gone) for (const document of await orphans(this.#place)) attachments += await this.deleteAll(document)
    return { attachments, puts }
  }

  async #syncing(): Promise<{ readonly collections: readonly string[]; readonly whole: boolean }> {
    const status = await this.#host.session.read({ op: 'syncStatus' }, 'attachments')
    return status as { collections: readonly string[]; whole: boolean }
  }
}

/** The heads of a document's attachments, by name. */
async function headsOf({ files }: Files, document: string, what: string): Promise<Head[]> {
  if (typeof document !== 'string' || document === '') throw invalid(`${what}: give the id of a document`)
  const found = await files.find({ document }).toArray()
  const heads = found.map(asHead).filter((head) => head !== undefined)
  return heads.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function writing({ durability, signal }: AttachmentPutOptions) {
  return { durability, signal }
}

/** What an application's callback throws is reported as the host reports uncaught errors. */
function tell(listener: AttachmentPutOptions['onProgress'], bytes: number): void {
  if (listener !== undefined) queueMicrotask(() => listener(bytes))
}

function checkSize(size: number): void {
  if (size > SIZE_MAX) throw invalid(`put: an attachment has at most ${SIZE_MAX} bytes`, 'too-large')
}

function abandoned({ name }: Head): TidewellError {
  const message = `put: ${JSON.stringify(name)} was taken for one whose tab had died: put it again`
  return new TidewellError('conflict', message, { reason: 'abandoned' })
}
