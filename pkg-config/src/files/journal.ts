/**
 * A journal of commits in a folder, with an index in memory of where each blob's bytes are. Every call is over when it returns. It is not
 * for several processes at once: `lock.ts` sees to that.
 *
 *     journal-N     16 bytes "TWFILES\0", u32 LE version 1, u32 LE 0; then records. Of several, the one with the highest N counts
 *     compact.tmp   the next journal while it is being written
 */
/// <reference types="node" />
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Index, type Name, type Place, type Range } from './blobs.js'
import { failure } from './failure.js'
import { type Commit, decode, encode, lengthOf, MARKER, PREFIX, type Write } from './record.js'

const HEADER = new Uint8Array([...new TextEncoder().encode('TWFILES\0'), 1, 0, 0, 0, 0, 0, 0, 0])
/** A journal with less garbage than this is not compacted, in bytes. */
const GARBAGE_MIN = 4 << 20
/** Records of a compacted journal hold about so many bytes. */
const COMPACT_RECORD = 1 << 20
/** Bytes that are looked through at once for the record after a damaged one. */
const WINDOW = 1 << 20

/** An open journal. */
export class Journal {
  readonly #folder: string
  readonly #check: () => void
  #number = 0
  #file: number
  /** Bytes of whole records, the header included. */
  #length: number = HEADER.length
  /** Bytes known to be on the device. */
  #synced = 0
  #index = new Index()
  /** Why nothing can be written any more. */
  #broken: string | undefined

  /**
   * Opens the journal in `folder`, making both if there is none. Throws a failure: `lost` if what had been synced is damaged. `check` is
   * called within all that takes long, and throws once the folder is another's.
   */
  constructor(folder: string, check: () => void = () => undefined) {
    this.#folder = folder
    this.#check = check
    mkdirSync(folder, { recursive: true })
    const numbers = readdirSync(folder)
      .map((name) => /^journal-(\d{1,15})$/.exec(name)?.[1])
      .flatMap((digits) => (digits === undefined ? [] : [Number(digits)]))
      .sort((a, b) => a - b)
    this.#number = numbers.pop() ?? 1
    this.#file = openSync(this.#path(), numbers.length === 0 && !this.#exists() ? 'wx+' : 'r+')
    try {
      this.#recover()
      for (const old of numbers) unlinkSync(join(folder, `journal-${old}`))
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  read(name: Name): Uint8Array | undefined {
    const place = this.#index.get(name)
    return place === undefined ? undefined : this.#bytes(place)
  }

  *scan(range: Range): Generator<readonly [id: number, part: number, bytes: Uint8Array]> {
    for (const [id, part, place] of this.#index.within(range)) yield [id, part, this.#bytes(place)]
  }

  has(name: Name): boolean {
    return this.#index.get(name) !== undefined
  }

  /** Appends a commit; `strict`: it is on the device when this returns. */
  append(deletes: readonly Range[], writes: readonly Write[], strict: boolean): void {
    if (this.#broken !== undefined) throw failure('unavailable', this.#broken)
    const record = encode(this.#synced, deletes, writes)
    const commit = decode(record)
    if (commit === undefined) throw failure('unavailable', 'a commit is too large')
    this.#write(record)
    this.#apply(commit, this.#length)
    this.#length += record.length
    if (strict) this.#sync()
    if (this.#length - this.#index.live > Math.max(GARBAGE_MIN, this.#index.live)) this.#compact()
  }

  close(): void {
    closeSync(this.#file)
  }

  #path(): string {
    return join(this.#folder, `journal-${this.#number}`)
  }

  #exists(): boolean {
    return readdirSync(this.#folder).includes(`journal-${this.#number}`)
  }

  #bytes({ offset, length }: Place): Uint8Array {
    const bytes = new Uint8Array(length)
    if (readAt(this.#file, bytes, offset) !== length) throw failure('lost', 'the journal ends before its records do')
    return bytes
  }

  #write(record: Uint8Array): void {
    try {
      writeAll(this.#file, record, this.#length)
    } catch (error) {
      // Without a clean end the next record would not be found.
      try {
        ftruncateSync(this.#file, this.#length)
      } catch {
        this.#broken = `the journal could not be written: ${String(error)}`
      }
      throw (error as { code?: unknown }).code === 'ENOSPC' ? failure('quota', 'the device is full') : error
    }
  }

  #sync(): void {
    try {
      fsyncSync(this.#file)
    } catch (error) {
      // Whether it is on the device, and what of the rest, nobody can say.
      this.#broken = `the journal could not be synced: ${String(error)}`
      throw error
    }
    this.#synced = this.#length
  }

  #apply(commit: Commit, start: number): void {
    for (const range of commit.deletes) this.#index.delete(range)
    for (const [name, { offset, length }] of commit.writes) this.#index.set(name, { offset: start + offset, length })
  }

  /** Reads all records. One that was being written when the machine stopped is cut off, with what follows. */
  #recover(): void {
    const { size } = fstatSync(this.#file)
    const header = new Uint8Array(HEADER.length)
    const isWhole = readAt(this.#file, header, 0) === header.length
    if (!isWhole) {
      writeAll(this.#file, HEADER, 0)
      fsyncSync(this.#file)
    } else if (HEADER.some((byte, at) => header[at] !== byte))
      throw failure('lost', `${this.#path()} is no journal of this version`)
    this.#synced = HEADER.length
    for (;;) {
      this.#check()
      const commit = this.#commitAt(this.#length, size)
      if (commit === undefined) break
      this.#apply(commit, this.#length)
      this.#length += commit.length
    }
    if (this.#length < size && this.#wasSynced(this.#length, size))
      throw failure('lost', `${this.#path()} is damaged at byte ${this.#length}, which had been stored safely`)
    this.#check()
    if (this.#length < size) ftruncateSync(this.#file, this.#length)
  }

  #commitAt(start: number, size: number): Commit | undefined {
    const prefix = new Uint8Array(PREFIX)
    if (readAt(this.#file, prefix, start) !== prefix.length) return undefined
    const length = lengthOf(prefix)
    if (length === undefined || start + length > size) return undefined
    const record = new Uint8Array(length)
    return readAt(this.#file, record, start) === length ? decode(record) : undefined
  }

  /** Whether a whole record behind `start` says that this place had been synced. */
  #wasSynced(start: number, size: number): boolean {
    const window = new Uint8Array(WINDOW + MARKER.length)
    for (let from = start + 1; from < size; from += WINDOW) {
      const seen = Buffer.from(window.buffer, 0, readAt(this.#file, window, from))
      for (let at = seen.indexOf(MARKER); at >= 0 && at < WINDOW; at = seen.indexOf(MARKER, at + 1)) {
        const commit = this.#commitAt(from + at, size)
        if (commit !== undefined && commit.synced > start) return true
      }
    }
    return false
  }

  /** Writes what is left of the journal into the next one. Where that fails, this one stays in use. */
  #compact(): void {
    const next = join(this.#folder, 'compact.tmp')
    const file = openSync(next, 'w+')
    try {
      const { index, length } = this.#copyTo(file)
      fsyncSync(file)
      this.#check()
      renameSync(next, join(this.#folder, `journal-${this.#number + 1}`))
      syncFolder(this.#folder)
      closeSync(this.#file)
      unlinkSync(this.#path())
      this.#number += 1
      this.#file = file
      this.#index = index
      this.#length = length
      this.#synced = length
    } catch {
      if (this.#file !== file) closeSync(file)
    }
  }

  #copyTo(file: number): { readonly index: Index; readonly length: number } {
    const index = new Index()
    let length = HEADER.length
    let [held, size] = [[] as Write[], 0]
    writeAll(file, HEADER, 0)
    const flush = () => {
      this.#check()
      const record = encode(length, [], held)
      writeAll(file, record, length)
      for (const [name, place] of decode(record)?.writes ?? [])
        index.set(name, { offset: length + place.offset, length: place.length })
      length += record.length
      ;[held, size] = [[], 0]
    }
    for (const [name, place] of this.#index.all()) {
      held.push([name, this.#bytes(place)])
      size += place.length
      if (size >= COMPACT_RECORD) flush()
    }
    flush()
    return { index, length }
  }
}

function readAt(file: number, bytes: Uint8Array, offset: number): number {
  let read = 0
  while (read < bytes.length) {
    const count = readSync(file, bytes, read, bytes.length - read, offset + read)
    if (count === 0) break
    read += count
  }
  return read
}

function writeAll(file: number, bytes: Uint8Array, offset: number): void {
  for (let written = 0; written < bytes.length;)
    written += writeSync(file, bytes, written, bytes.length - written, offset + written)
}

/** A renamed file is there after a power cut only if its folder was synced; some systems cannot, and need not. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r')
    fsyncSync(handle)
    closeSync(handle)
  } catch {
    // Windows.
  }
}
