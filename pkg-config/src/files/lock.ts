/**
 * One process at a time uses a folder. The lock is a file that names its holder; a holder that has died holds nothing, whatever file
 * it left. Where the holder cannot be looked at, such as in another container, it is alive as long as the file is touched. It waits for
 * nobody.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { clearInterval, setInterval } from 'node:timers'
import { failure } from './failure.js'
import { isRunning, isVisible, ownHolder, parseHolder, shownHolder } from './holder.js'

/** How old a file without a holder, or a takeover, must be before its maker is taken for dead, in milliseconds. */
const ABANDONED_MS = 5000
/** How often a lock is tried whose holder is dead: another process may be taking it over. */
const TRIES = 50
/** How often a holder touches its lock. */
const BEAT_MS = 2000
/** A holder that has not touched it for so long makes sure that it is still its own before it goes on. */
const LATE_MS = 4000
/** A holder that cannot be looked at is dead after so long without a touch. */
export const SILENT_MS = 10_000

/** What the locks say that this process holds. */
const mine = new Set<string>()

/** A folder that is held. */
export interface Lock {
  /** Throws if the folder was taken over meanwhile, as from a process that stood still. */
  check(): void
  /** Lets go of it. */
  release(): void
}

/** Takes the lock of `folder`. Throws if somebody holds it. */
export function lockFolder(folder: string, refused: (why: string) => Error): Lock {
  const file = join(folder, 'LOCK')
  const own = JSON.stringify({ ...ownHolder(), nonce: Math.random() })
  for (let tries = 0; tries < TRIES; tries++) {
    if (create(file, own)) return new Held(file, own)
    const holder = textOf(file)
    if (holder !== undefined && mine.has(holder))
      throw refused('it is in use by this process, which has it open already')
    if (holder !== undefined && isAlive(holder, file))
      throw refused(`it is in use by ${shownHolder(parseHolder(holder))}`)
    takeOver(file, holder)
  }
  throw refused('its lock is being taken over by another process')
}

/** A lock of this process. Its timer keeps no process alive. */
class Held implements Lock {
  readonly #file: string
  readonly #own: string
  readonly #timer: ReturnType<typeof setInterval>
  #touched = Date.now()
  #isLost = false

  constructor(file: string, own: string) {
    this.#file = file
    this.#own = own
    mine.add(own)
    this.#timer = setInterval(() => quietly(() => this.#beat()), BEAT_MS)
    this.#timer.unref()
  }

  check(): void {
    // A clock that was set back says as little as one that ran on while this process stood still.
    if (!this.#isLost && this.#isLate()) this.#beat()
    if (this.#isLost)
      throw failure('unavailable', 'another process has taken the folder over: this one stood still for too long')
  }

  release(): void {
    clearInterval(this.#timer)
    mine.delete(this.#own)
    quietly(() => textOf(this.#file) === this.#own && unlinkSync(this.#file))
  }

  #isLate(): boolean {
    return Math.abs(Date.now() - this.#touched) > LATE_MS
  }

  #beat(): void {
    if (this.#isLost || !this.#isLate()) return this.#touch()
    // Others may be taking it over this moment: one does so at a time.
    for (let tries = 0; tries < TRIES; tries++) if (guarded(this.#file, () => this.#touch())) return
    throw failure('unavailable', 'the lock of the folder is being taken over by another process')
  }

  #touch(): void {
    if (textOf(this.#file) !== this.#own) {
      this.#isLost = true
      mine.delete(this.#own)
      clearInterval(this.#timer)
      return
    }
    touch(this.#file, this.#own)
    this.#touched = Date.now()
  }
}

function create(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false
    throw error
  }
}

/** Writes over the same bytes: times given by a call would be those of this machine, and of a shared folder its server's count. */
function touch(file: string, text: string): void {
  const handle = openSync(file, 'r+')
  try {
    writeSync(handle, text, 0)
  } finally {
    closeSync(handle)
  }
}

/** Removes the file of a dead holder, while the file is still that one and is not touched again. */
function takeOver(file: string, holder: string | undefined): void {
  guarded(file, () => {
    if (holder !== undefined && textOf(file) === holder && !isAlive(holder, file)) quietly(() => unlinkSync(file))
  })
}

/** Does what only one process does at a time; false if another one is at it. */
function guarded(file: string, work: () => void): boolean {
  const guard = `${file}.takeover`
  try {
    mkdirSync(guard)
  } catch (error) {
    const { code } = error as { code?: unknown }
    // Windows says `EPERM` of one that is just being removed.
    if (code !== 'EEXIST' && code !== 'EPERM') throw error
    if (ageOf(guard) > ABANDONED_MS) quietly(() => rmdirSync(guard))
    else pause()
    return false
  }
  try {
    work()
  } finally {
    quietly(() => rmdirSync(guard))
  }
  return true
}

/** Whether the process that wrote `text` holds the file. */
function isAlive(text: string, file: string): boolean {
  const holder = parseHolder(text)
  // Its maker has yet to write its name, or died in between.
  if (holder === undefined) return ageOf(file) < ABANDONED_MS
  const runs = isVisible(holder) ? isRunning(holder) : undefined
  // One of before locks were touched is alive for all that can be known.
  return runs ?? (holder.place === undefined || ageOf(file) < SILENT_MS)
}

/** What the lock says; undefined if there is none. One that cannot be read may still be anybody's. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** How long ago a file was touched, by the clock that files of this folder have: it may be that of another machine. */
function ageOf(file: string): number {
  try {
    const { mtimeMs } = statSync(file)
    return clockOf(file) - mtimeMs
  } catch {
    return 0
  }
}

function clockOf(file: string): number {
  const probe = `${file}.clock`
  const handle = openSync(probe, 'w')
  try {
    writeSync(handle, '.')
    fsyncSync(handle)
    return fstatSync(handle).mtimeMs
  } finally {
    closeSync(handle)
    quietly(() => unlinkSync(probe))
  }
}

/** A few milliseconds, while the thread waits. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Somebody else did it.
  }
}
