/**
 * One process at a time uses a folder. The lock is a file that names its holder; a holder that has died holds nothing, whatever file
 * it left. It waits for nobody.
 */
import { mkdirSync, readFileSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How old a file without a holder, or a takeover, must be before its maker is taken for dead, in milliseconds. */
const ABANDONED_MS = 5000
/** How often a lock is tried whose holder is dead: another process may be taking it over. */
const TRIES = 50

/** Takes the lock of `folder`; the answer lets go of it. Throws if somebody holds it. */
export function lockFolder(folder: string, refused: (why: string) => Error): () => void {
  const file = join(folder, 'LOCK')
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid), nonce: Math.random() })
  for (let tries = 0; tries < TRIES; tries++) {
    if (create(file, own)) return () => release(file, own)
    const holder = textOf(file)
    if (holder !== undefined && isAlive(holder, file)) throw refused(`it is in use by ${shown(holder)}`)
    takeOver(file, holder)
  }
  throw refused('its lock is being taken over by another process')
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

/** Removes the file of a dead holder. Only one process does so at a time, and only while the file is still that one. */
function takeOver(file: string, holder: string | undefined): void {
  const guard = `${file}.takeover`
  try {
    mkdirSync(guard)
  } catch {
    if (ageOf(guard) > ABANDONED_MS) quietly(() => rmdirSync(guard))
    else pause()
    return
  }
  if (holder !== undefined && textOf(file) === holder) quietly(() => unlinkSync(file))
  quietly(() => rmdirSync(guard))
}

function release(file: string, own: string): void {
  if (textOf(file) === own) quietly(() => unlinkSync(file))
}

/** Whether the process that wrote `holder` still runs. Numbers of processes are used again; when one began is not. */
function isAlive(holder: string, file: string): boolean {
  const { pid, started } = parse(holder)
  // Its maker has yet to write its name, or died in between.
  if (pid === undefined) return ageOf(file) < ABANDONED_MS
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return false
  }
  const now = startOf(pid)
  return now === null || started === null || now === started
}

function parse(holder: string): { readonly pid: number | undefined; readonly started: string | null } {
  try {
    const { pid, started } = JSON.parse(holder) as { pid?: unknown; started?: unknown }
    if (Number.isInteger(pid) && Number(pid) > 0)
      return { pid: Number(pid), started: typeof started === 'string' ? started : null }
  } catch {
    // Half a name.
  }
  return { pid: undefined, started: null }
}

/** The field of /proc's line about a process that says when it began, counted behind the name, which may hold anything. */
const STARTED = 19

/** When a process began, where the system tells: which start of the machine, and how long after it. */
function startOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return `${boot} ${line.slice(line.lastIndexOf(')') + 2).split(' ')[STARTED] ?? ''}`
  } catch {
    return null
  }
}

function shown(holder: string): string {
  const { pid } = parse(holder)
  if (pid === undefined) return 'another process'
  return pid === process.pid ? 'this process, which has it open already' : `process ${pid}`
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function ageOf(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs
  } catch {
    return 0
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
