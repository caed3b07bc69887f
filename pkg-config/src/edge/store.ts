/**
 * Storage in the SQLite of a Durable Object, as the engine takes what a host brings along (`src/web/host_disk.rs`). It decides nothing
 * about databases. A commit is one transaction of the object, which is over when `commit` returns: of two writers of one name
 * exactly one wins. Until the platform has it safely, it lets no answer out of the object (the output gate).
 */
import type { Name, Range } from '../files/blobs.js'
import { failure } from '../files/failure.js'
import { isWithin, triples } from '../files/names.js'
import type { DurableStorage } from './types.js'

/** Rows hold at most so many bytes: the platform's limit is 2 MB for a row. */
const CHUNK = 1 << 20
const FULL = /SQLITE_FULL|database or disk is full|storage limit|exceeded/i
const GONE = /no such table/

type Sql = { exec(query: string, ...bindings: unknown[]): { raw(): Iterable<readonly unknown[]> } }

/** Blobs in the table `table`, a word: one row for each mebibyte. */
export class DurableStore {
  readonly kind = 'durable-object'
  readonly #storage: DurableStorage
  readonly #sql: Sql
  readonly #table: string
  readonly #closed: () => void
  #isOpen = true

  constructor(storage: DurableStorage, closed: () => void = () => undefined, table = 'tidewell') {
    this.#storage = storage
    this.#sql = storage.sql as Sql
    this.#table = table
    this.#closed = closed
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS ${table} (area INTEGER, id INTEGER, part INTEGER, chunk INTEGER, bytes BLOB NOT NULL,
        PRIMARY KEY (area, id, part, chunk)) WITHOUT ROWID`,
    )
  }

  read(names: Float64Array): (Uint8Array | undefined)[] {
    const query = `SELECT bytes FROM ${this.#table} WHERE area = ? AND id = ? AND part = ? ORDER BY chunk`
    return this.#guarded(() =>
      triples(names).map((name) => {
        const chunks = [...this.#sql.exec(query, ...name).raw()].map(([bytes]) => bytesOf(bytes))
        return chunks.length === 0 ? undefined : joined(chunks)
      }),
    )
  }

  scan(range: Float64Array, limit: number): (number | Uint8Array)[] {
    const [within] = triples(range) as [Range]
    return this.#guarded(() => (limit <= 0 ? [] : this.#within(within, limit).flat()))
  }

  commit(
    deletes: Float64Array,
    names: Float64Array,
    blobs: readonly Uint8Array[],
    inserts: number,
    reads: Float64Array,
    strict: boolean,
  ): Uint8Array[][] | Promise<Uint8Array[][]> {
    const [gone, written] = [triples(deletes), triples(names)]
    const answers = this.#guarded(() =>
      this.#storage.transactionSync(() => {
        this.#checkFree(written.slice(written.length - inserts), gone)
        for (const range of gone)
          this.#sql.exec(`DELETE FROM ${this.#table} WHERE area = ? AND id BETWEEN ? AND ?`, ...range)
        written.forEach((name, at) => this.#write(name, blobs[at] as Uint8Array, at < written.length - inserts))
        return triples(reads).map((range) => this.#within(range).map(([, , bytes]) => bytes))
      }),
    )
    // Safe now, not only before an answer leaves.
    return strict ? this.#storage.sync().then(() => answers) : answers
  }

  close(): void {
    if (this.#isOpen) this.#closed()
    this.#isOpen = false
  }

  /** What the storage throws, as a failure. A transaction was taken back then: nothing happened. */
  #guarded<R>(work: () => R): R {
    if (!this.#isOpen) throw failure('closed', 'the storage is closed')
    try {
      return work()
    } catch (error) {
      throw isFailure(error) ? error : refused(error)
    }
  }

  #checkFree(inserts: readonly Name[], gone: readonly Range[]): void {
    const query = `SELECT 1 FROM ${this.#table} WHERE area = ? AND id = ? AND part = ? LIMIT 1`
    for (const [at, name] of inserts.entries()) {
      if (gone.some((range) => isWithin(name, range))) continue
      for (const _ of this.#sql.exec(query, ...name).raw())
        throw failure('exists', `the blob ${name.join('/')} exists already`, at)
    }
  }

  #write(name: Name, bytes: Uint8Array, replaces: boolean): void {
    if (replaces) this.#sql.exec(`DELETE FROM ${this.#table} WHERE area = ? AND id = ? AND part = ?`, ...name)
    for (let chunk = 0; chunk === 0 || chunk * CHUNK < bytes.length; chunk++)
      this.#sql.exec(
        `INSERT INTO ${this.#table} VALUES (?, ?, ?, ?, ?)`,
        ...name,
        chunk,
        // A view would take its whole buffer along.
        bytes.slice(chunk * CHUNK, (chunk + 1) * CHUNK),
      )
  }

  /** The blobs of a range in ascending order of name. */
  #within(range: Range, limit = Infinity): [id: number, part: number, bytes: Uint8Array][] {
    const query = `SELECT id, part, bytes FROM ${this.#table} WHERE area = ? AND id BETWEEN ? AND ? ORDER BY id, part, chunk`
    const found: [number, number, Uint8Array[]][] = []
    for (const [id, part, bytes] of this.#sql.exec(query, ...range).raw() as Iterable<[number, number, unknown]>) {
      const last = found.at(-1)
      if (last?.[0] === id && last[1] === part) last[2].push(bytesOf(bytes))
      else if (found.length >= limit) break
      else found.push([id, part, [bytesOf(bytes)]])
    }
    return found.map(([id, part, chunks]) => [id, part, joined(chunks)])
  }
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (value instanceof Uint8Array) return value
  throw failure('lost', 'the table of the database holds something else than bytes')
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

function isFailure(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'disk' in error
}

function refused(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  if (GONE.test(message)) return failure('lost', "the object's storage was emptied under the database")
  return failure(FULL.test(message) ? 'quota' : 'unavailable', `the object's storage failed: ${message}`)
}
