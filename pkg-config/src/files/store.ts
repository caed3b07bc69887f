/**
 * Storage in a folder, as the engine takes what a host brings along (`src/web/host_disk.rs`). Names and ranges come as numbers,
 * three each. It decides nothing about databases.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { TidewellError } from '../errors.js'
import type { Range } from './blobs.js'
import { failure } from './failure.js'
import { Journal } from './journal.js'
import { type Lock, lockFolder } from './lock.js'
import { isWithin, triples } from './names.js'

/** Names of folders may not be longer, in bytes. */
const NAME_MAX = 200

/** The folder of a database. Capitals are written as other signs are: some file systems do not tell them from small letters. */
function folderOf(directory: string, name: string): string {
  const written = Array.from(new TextEncoder().encode(name), (byte) => {
    const sign = String.fromCharCode(byte)
    return /[a-z0-9_-]/.test(sign) ? sign : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
  const short = written.length <= NAME_MAX ? written : `%${createHash('sha256').update(name).digest('hex')}`
  return join(resolve(directory), short)
}

function refused(folder: string) {
  return (why: string) => new TidewellError('unavailable', `${folder} cannot be opened: ${why}`)
}

/** Opens the storage of the database `name` below `directory`. */
export function openFiles(directory: string, name: string): FileStore {
  const folder = folderOf(directory, name)
  let lock: Lock | undefined
  try {
    mkdirSync(folder, { recursive: true })
    const held = (lock = lockFolder(folder, refused(folder)))
    return new FileStore(new Journal(folder, () => held.check()), held)
  } catch (error) {
    lock?.release()
    if (error instanceof TidewellError) throw error
    const { disk, message } = error as { disk?: unknown; message?: unknown }
    throw new TidewellError(
      disk === 'lost' ? 'corrupt' : 'unavailable',
      `${folder} cannot be opened: ${String(message)}`,
      {
        cause: error,
      },
    )
  }
}

/** Removes the database `name` below `directory`, unless somebody has it open. */
export function deleteFiles(directory: string, name: string): void {
  const folder = folderOf(directory, name)
  mkdirSync(folder, { recursive: true })
  const lock = lockFolder(folder, refused(folder))
  try {
    rmSync(folder, { recursive: true, force: true })
  } finally {
    lock.release()
  }
}

/** The open storage. */
export class FileStore {
  #journal: Journal | undefined
  readonly #lock: Lock

  constructor(journal: Journal, lock: Lock) {
    this.#journal = journal
    this.#lock = lock
  }

  read(names: Float64Array): (Uint8Array | undefined)[] {
    const journal = this.#open()
    return triples(names).map((name) => journal.read(name))
  }

  scan(range: Float64Array, limit: number): (number | Uint8Array)[] {
    const found: (number | Uint8Array)[] = []
    const [within] = triples(range) as [Range]
    if (limit <= 0) return found
    let count = 0
    for (const blob of this.#open().scan(within)) {
      found.push(...blob)
      if (++count >= limit) break
    }
    return found
  }

  commit(
    deletes: Float64Array,
    names: Float64Array,
    blobs: readonly Uint8Array[],
    inserts: number,
    reads: Float64Array,
    strict: boolean,
  ): Uint8Array[][] {
    const journal = this.#open()
    const [gone, written] = [triples(deletes), triples(names)]
    const firstInsert = written.length - inserts
    for (const [at, name] of written.slice(firstInsert).entries())
      if (journal.has(name) && !gone.some((range) => isWithin(name, range)))
        throw failure('exists', `the blob ${name.join('/')} exists already`, at)
    if (gone.length > 0 || written.length > 0 || strict)
      journal.append(
        gone,
        written.map((name, at) => [name, blobs[at] as Uint8Array]),
        strict,
      )
    return triples(reads).map((range) => [...journal.scan(range)].map(([, , bytes]) => bytes))
  }

  close(): void {
    this.#journal?.close()
    if (this.#journal !== undefined) this.#lock.release()
    this.#journal = undefined
  }

  #open(): Journal {
    if (this.#journal === undefined) throw failure('closed', 'the storage is closed')
    this.#lock.check()
    return this.#journal
  }
}
