/**
 * Who holds a folder, as its lock says it, and whether that process can be looked at from here. It touches no lock.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, and where it runs. */
export interface Holder {
  readonly pid: number
  /** When it began: numbers of processes are used again. */
  readonly started: string | null
  /** Where its number means something; undefined in a lock of before this was written down. */
  readonly place: Place | undefined
}

/** A machine, and which of its processes have numbers there; null where the system does not tell. */
interface Place {
  readonly host: string | null
  readonly boot: string | null
  readonly namespace: string | null
}

/** This process. */
export function ownHolder(): Holder {
  return { pid: process.pid, started: startOf(process.pid), place: here() }
}

/** What a lock says; undefined for what is half written. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, started, place } = JSON.parse(text) as { pid?: unknown; started?: unknown; place?: unknown }
    if (!Number.isInteger(pid) || Number(pid) <= 0) return undefined
    return { pid: Number(pid), started: textOrNull(started), place: placeOf(place) }
  } catch {
    return undefined
  }
}

/**
 * Whether its process can be looked at: containers and machines that share a folder do not see each other's, and where the system tells
 * nothing, as in Deno without permissions, nobody knows.
 */
export function isVisible({ place }: Holder): boolean {
  if (place === undefined) return true
  const { host, boot, namespace } = here()
  if (host === null && boot === null) return false
  return place.host === host && place.boot === boot && place.namespace === namespace
}

/** Whether its process still runs, if it {@link isVisible}; undefined if this process may not look. */
export function isRunning({ pid, started }: Holder): boolean | undefined {
  const now = startOf(pid)
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return false
    if (now === null || started === null) return undefined
  }
  return now === null || started === null || now === started
}

/** It in words. */
export function shownHolder(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process'
  const { pid, place } = holder
  if (isVisible(holder)) return `process ${pid}`
  return `process ${pid} on ${place?.host ?? 'an unknown machine'}, which cannot be looked at from here`
}

function placeOf(value: unknown): Place | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { host, boot, namespace } = value as Record<keyof Place, unknown>
  return { host: textOrNull(host), boot: textOrNull(boot), namespace: textOrNull(namespace) }
}

function here(): Place {
  return { host: told(hostname), boot: bootId(), namespace: told(() => readlinkSync('/proc/self/ns/pid')) }
}

/** Which start of the machine this is. */
function bootId(): string | null {
  return told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
}

/** The field of /proc's line about a process that says when it began, counted behind the name, which may hold anything. */
const STARTED = 19

/** When a process began, where the system tells: which start of the machine, and how long after it. */
function startOf(pid: number): string | null {
  const boot = bootId()
  const line = told(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (boot === null || line === null) return null
  return `${boot} ${line.slice(line.lastIndexOf(')') + 2).split(' ')[STARTED] ?? ''}`
}

/** What the system tells; null if it does not, or may not be asked. */
function told(ask: () => string): string | null {
  try {
    return ask()
  } catch {
    return null
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
