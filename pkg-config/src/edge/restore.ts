/**
 * Putting a tenant back to a backup. It is read into tables of its own, a chunk at a time, and takes the tenant's place in one transaction
 * when all of it is there and right: until then the tenant goes on, and a bad backup leaves it as it was.
 */
import { TidewellError } from '../errors.js'
import { FORMAT, Hash, type Sql } from './backup.js'
import { letGo } from './body.js'
import type { DurableStorage } from './types.js'

/** The longest line: a document of a mebibyte, whose quotes may be doubled, and its frame. */
const LINE_MAX = 4 << 20
/** So many bytes of rows are written at once: every turn of the event loop that writes costs the disk a transaction. */
const BATCH_BYTES = 2 << 20
/** The `until` of what is current, as in `src/web/sync/sql.rs`. */
const OPEN = Number.MAX_SAFE_INTEGER
const FULL = /SQLITE_FULL|database or disk is full|storage limit|exceeded/i
const END = 0x0a

/** A tenant that was put back. */
export interface Restored {
  /** Its version. */
  readonly version: number
  /** How many documents it has. */
  readonly documents: number
  /** How many mutations it knows to have been handled. */
  readonly mutations: number
}

/** What lies in tables of its own; its version is the backup's. */
export type Staged = Restored

const STAGING = [
  `CREATE TABLE IF NOT EXISTS sync_restoring_images (collection TEXT, id TEXT, version INTEGER, by TEXT NOT NULL,
    since INTEGER NOT NULL, document TEXT, PRIMARY KEY (collection, id)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS sync_restoring_records (replica TEXT, seq INTEGER, hash TEXT NOT NULL, id TEXT NOT NULL,
    user TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (replica, seq)) WITHOUT ROWID`,
]

/** @internal Forgets what was staged: tables stay, since none can be dropped while another query of the object is open. */
export function unstage(sql: Sql): void {
  for (const table of ['sync_restoring_images', 'sync_restoring_records'])
    for (const _ of sql.exec('SELECT 1 FROM sqlite_master WHERE name = ?', table).raw())
      sql.exec(`DELETE FROM ${table}`)
}

/** @internal Reads a backup of `tenant` into its own tables. */
export async function stage(
  storage: DurableStorage,
  stream: ReadableStream<Uint8Array>,
  tenant: string,
): Promise<Staged> {
  const sql = storage.sql as Sql
  for (const table of STAGING) sql.exec(table)
  unstage(sql)
  const staging = new Staging(storage, tenant)
  for await (const chunk of chunksOf(stream)) await staging.take(chunk)
  return staging.end()
}

/** @internal Puts what is staged in the tenant's place. To be called in a transaction, which then takes a new epoch. */
export function swap(sql: Sql, { version }: Staged): void {
  sql.exec('DELETE FROM sync_images')
  sql.exec(
    `INSERT INTO sync_images SELECT collection, id, version, ?, by, since, document FROM sync_restoring_images`,
    OPEN,
  )
  sql.exec('DELETE FROM sync_records')
  sql.exec('INSERT INTO sync_records SELECT replica, seq, hash, id, user, at, outcome FROM sync_restoring_records')
  sql.exec('DELETE FROM sync_replicas')
  // Beside max() stands what the row of the maximum holds.
  sql.exec('INSERT INTO sync_replicas SELECT replica, user, max(seq), hash FROM sync_records GROUP BY replica')
  // Superseded documents did not come along. Versions go on from the highest that anybody was told.
  sql.exec('UPDATE sync_tenant SET version = max(version, ?1), purged = ?1, stable = 0', version)
  unstage(sql)
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw damaged('it broke off, or is no gzip', cause)
      })
      if (done) return
      yield value
    }
  } finally {
    await letGo(reader)
  }
}

/** Takes the chunks of a backup, cut anywhere. */
class Staging {
  readonly #storage: DurableStorage
  readonly #tenant: string
  readonly #hash = new Hash()
  /** The chunks of an unfinished line. */
  #cut: Uint8Array[] = []
  #cutLength = 0
  /** Rows that are not written yet, and about their size. */
  #rows: { readonly query: string; readonly row: readonly unknown[] }[] = []
  #rowBytes = 0
  #stage: 'header' | 'body' | 'ended' = 'header'
  #version = 0
  #counts = { images: 0, records: 0 }
  #documents = 0
  #checksum: unknown

  constructor(storage: DurableStorage, tenant: string) {
    this.#storage = storage
    this.#tenant = tenant
  }

  async take(chunk: Uint8Array): Promise<void> {
    let from = 0
    let end = chunk.indexOf(END)
    if (this.#cutLength > 0 && end >= 0) {
      const line = this.#joined(chunk.subarray(0, end + 1))
      if (this.#takeLine(line)) await this.#hash.add(line)
      from = end + 1
      end = chunk.indexOf(END, from)
    }
    const start = from
    let hashed = start
    for (; end >= 0; end = chunk.indexOf(END, from)) {
      if (this.#takeLine(chunk.subarray(from, end + 1))) hashed = end + 1
      from = end + 1
    }
    // Not line by line: each time is a turn of the event loop.
    if (hashed > start) await this.#hash.add(chunk.subarray(start, hashed))
    if (this.#rowBytes >= BATCH_BYTES) await this.#write()
    if (from === chunk.length) return
    this.#cut.push(chunk.slice(from))
    this.#cutLength += chunk.length - from
    if (this.#cutLength > LINE_MAX) throw this.#wrong('a line is longer than any document can be')
  }

  async end(): Promise<Staged> {
    if (this.#stage === 'header') throw this.#wrong('it is empty')
    if (this.#stage !== 'ended' || this.#cutLength > 0) throw damaged('its end is missing')
    if ((await this.#hash.end()) !== this.#checksum) throw damaged('its checksum is another')
    await this.#write()
    return { version: this.#version, documents: this.#documents, mutations: this.#counts.records }
  }

  #joined(end: Uint8Array): Uint8Array {
    if (this.#cutLength === 0) return end
    const whole = new Uint8Array(this.#cutLength + end.length)
    let at = 0
    for (const part of [...this.#cut, end]) {
      whole.set(part, at)
      at += part.length
    }
    this.#cut = []
    this.#cutLength = 0
    return whole
  }

  /** Takes a line; answers whether the checksum covers it, as it does all but the last. */
  #takeLine(line: Uint8Array): boolean {
    if (this.#stage === 'ended') throw damaged('there is something behind its end')
    const fields = this.#parsed(line)
    if (this.#stage === 'header') this.#takeHeader(fields)
    else if (fields['end'] === true) this.#takeEnd(fields)
    else if (Array.isArray(fields['image'])) this.#takeImage(fields['image'])
    else if (Array.isArray(fields['record'])) this.#takeRecord(fields['record'])
    else throw damaged('a line is neither a document nor a mutation')
    this.#rowBytes += line.length
    return this.#stage === 'body'
  }

  #parsed(line: Uint8Array): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line))
      if (isObject(value)) return value
    } catch {
      // Told below.
    }
    throw this.#wrong('a line is no JSON object')
  }

  #takeHeader({ tidewell, format, tenant, version }: Record<string, unknown>): void {
    if (tidewell !== 'tenant') throw this.#wrong('it does not begin like one')
    if (format !== FORMAT)
      throw new TidewellError('invalid', `the backup has format ${String(format)}; this code knows ${FORMAT}`)
    if (tenant !== this.#tenant)
      throw new TidewellError('invalid', `the backup is of the tenant '${String(tenant)}', not of '${this.#tenant}'`)
    if (!isNumber(version)) throw damaged('it names no version')
    this.#version = version
    this.#stage = 'body'
  }

  #takeImage(row: readonly unknown[]): void {
    const [collection, id, version, by, since, document] = row
    const texts = [collection, id, by].every(isText) && (document === null || isDocument(document, id))
    if (row.length !== 6 || !texts || !this.#isReached(version) || !isNumber(since))
      throw damaged('a line is no document')
    this.#rows.push({ query: 'INSERT INTO sync_restoring_images VALUES (?, ?, ?, ?, ?, ?)', row })
    this.#counts.images++
    if (document !== null) this.#documents++
  }

  #takeRecord(row: readonly unknown[]): void {
    const [replica, seq, hash, id, user, at, outcome] = row
    const texts = [replica, id, user].every(isText) && isText(hash) && /^[0-9a-f]{16}$/.test(hash) && isOutcome(outcome)
    if (row.length !== 7 || !texts || !isNumber(seq) || !this.#isReached(at)) throw damaged('a line is no mutation')
    this.#rows.push({ query: 'INSERT INTO sync_restoring_records VALUES (?, ?, ?, ?, ?, ?, ?)', row })
    this.#counts.records++
  }

  #takeEnd({ images, records, checksum }: Record<string, unknown>): void {
    if (images !== this.#counts.images || records !== this.#counts.records) throw damaged('lines are missing')
    this.#checksum = checksum
    this.#stage = 'ended'
  }

  async #write(): Promise<void> {
    const sql = this.#storage.sql as Sql
    try {
      this.#storage.transactionSync(() => {
        for (const { query, row } of this.#rows) sql.exec(query, ...row)
      })
    } catch (cause) {
      const message = String(cause)
      if (/constraint/i.test(message)) throw damaged('a line is there twice', cause)
      if (FULL.test(message))
        throw new TidewellError('quota', 'the object has no room for the backup beside its data', { cause })
      throw cause
    }
    this.#rows = []
    this.#rowBytes = 0
    await this.#storage.sync()
  }

  #isReached(version: unknown): boolean {
    return isNumber(version) && version <= this.#version
  }

  #wrong(what: string): TidewellError {
    if (this.#stage !== 'header') return damaged(what)
    return new TidewellError('invalid', `this is no backup of a tenant: ${what}`)
  }
}

function damaged(what: string, cause?: unknown): TidewellError {
  return new TidewellError('corrupt', `the backup is damaged: ${what}`, { cause })
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(text: unknown): Record<string, unknown> | undefined {
  try {
    const value: unknown = isText(text) ? JSON.parse(text) : undefined
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isDocument = (text: unknown, id: unknown): boolean => objectOf(text)?.['id'] === id
const isOutcome = (text: unknown): boolean => typeof objectOf(text)?.['outcome'] === 'string'
