/** Opening and deleting databases, on whatever engine the entry point provided. */
import { untilAborted } from './abort.js'
import type { Backend, BackendOptions, HostDisk, OpenBackend } from './backend.js'
import { Database, forwardEvents } from './database.js'
import { invalid, notLoaded, toError } from './errors.js'
import { EventHub } from './events.js'
import { prepareSeldom } from './later.js'
import type { Durability, OpenOptions } from './types/options.js'

/** What an entry point provides. */
export interface Host {
  /** Opens an engine on the calling thread. */
  readonly local: OpenBackend
  /** Opens an engine in a dedicated worker; undefined where there are none: the calling thread is used. */
  readonly worker: OpenBackend | undefined
  /** Deletes a database. */
  readonly remove: (name: string) => Promise<void>
  /** Storage in files, where there are any. */
  readonly files?: (() => Promise<Files>) | undefined
}

/** Storage in files below a folder. */
export interface Files {
  openFiles(directory: string, name: string): HostDisk
  deleteFiles(directory: string, name: string): void
}

const MEMORY_BUDGET = 64 * 1024 * 1024
const MEMORY_BUDGET_MIN = 1024 * 1024
const STORAGES: readonly unknown[] = ['auto', 'indexeddb', 'memory']
const DURABILITIES: readonly unknown[] = ['relaxed', 'strict', 'memory']

let host: Host | undefined

/** Sets what `open` uses. Entry points call it once. */
export function provide(provided: Host): void {
  host = provided
}

/**
 * Opens a database, creating it if there is none.
 *
 * @param name any text without control characters, 1 to 128 bytes of UTF-8. Tabs of an origin that open the same name share it.
 * @throws TidewellError `invalid` for bad options; `unavailable` if storage does not answer; `storage-lost` if the browser lost
 * what was stored; `corrupt`; `aborted`.
 */
export async function open(name: string, options: OpenOptions = {}): Promise<Database> {
  return new Database(
    ...(await openParts(name, options, async () =>
      (await filesOf(options))?.openFiles(options.directory as string, name),
    )),
  )
}

/** What a `Database` is made of. */
export type Parts = [name: string, backend: Backend, hub: EventHub, durability: Durability, canRehearse: boolean]

/** Opens an engine, on the disk that `openDisk` gives if there is one. */
export async function openParts(
  name: string,
  options: OpenOptions,
  openDisk: () => Promise<HostDisk | undefined>,
): Promise<Parts> {
  checkName(name)
  const backendOptions = await checkOptions(options)
  const { local, worker } = provided()
  const hub = new EventHub()
  const openBackend = options.worker === true && worker !== undefined ? worker : local
  const disk = await openDisk()
  const forward = forwardEvents(hub)
  const opening = openBackend(name, { ...backendOptions, disk }, (event) => {
    // What it stands on is another instance's from now on.
    if (event.kind === 'dead') disk?.close()
    forward(event)
  })
  opening.catch(() => disk?.close())
  try {
    const { isBehindServiceWorker: soon } = backendOptions
    const [backend] = await untilAborted(Promise.all([opening, prepareSeldom(soon)]), options.signal)
    return [name, backend, hub, backendOptions.durability, backendOptions.faults !== null]
  } catch (error) {
    // Opened after all, when nobody waits any more: close it again.
    opening.then((late) => late.close()).catch(() => undefined)
    throw toError(error)
  }
}

/** Deletes a database and all it stored. Waits for tabs that have it open to close it. */
export async function deleteDatabase(name: string, options: Pick<OpenOptions, 'directory'> = {}): Promise<void> {
  checkName(name)
  const files = await filesOf(options)
  if (files === undefined) await provided().remove(name)
  else files.deleteFiles(options.directory as string, name)
}

/** The files of the host, if the options ask for them. */
async function filesOf({ directory, storage = 'auto' }: OpenOptions): Promise<Files | undefined> {
  if (directory === undefined) return undefined
  const { files } = provided()
  if (files === undefined) throw invalid('directory: only Node, Deno and Bun keep data in files; leave it out here')
  if (typeof directory !== 'string' || directory === '' || storage !== 'auto')
    throw invalid('directory: give the path of a folder, and no other storage')
  return files()
}

function provided(): Host {
  if (host === undefined)
    throw invalid(
      'the package was loaded without its entry point: import "tidewell", and list it in sideEffects if you bundle a copy',
    )
  return host
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '')
    throw invalid(
      `a database name must be a string that is not empty, got ${typeof name === 'string' ? '""' : typeof name}`,
    )
}

async function checkOptions(options: OpenOptions): Promise<BackendOptions> {
  if (typeof options !== 'object' || options === null) throw invalid('open: options must be an object')
  const { storage = 'auto', durability = 'relaxed', memoryBudget = MEMORY_BUDGET } = options
  if (!STORAGES.includes(storage))
    throw invalid(`open: storage must be "auto", "indexeddb" or "memory", got ${JSON.stringify(storage)}`)
  if (!DURABILITIES.includes(durability))
    throw invalid(`open: durability must be "relaxed", "strict" or "memory", got ${JSON.stringify(durability)}`)
  if (!Number.isInteger(memoryBudget) || memoryBudget < MEMORY_BUDGET_MIN)
    throw invalid(
      `open: memoryBudget must be a whole number of bytes from ${MEMORY_BUDGET_MIN}, got ${String(memoryBudget)}`,
    )
  const { faults = null, latency: faultLatencyMs = 0 } =
    options.faults === undefined ? {} : (await import('./faults.js').catch(notLoaded)).planOf(options.faults)
  return {
    storage,
    durability,
    memoryBudget,
    faults,
    faultLatencyMs,
    isBehindServiceWorker: isBehindServiceWorker(),
  }
}

/** A document knows; a worker cannot ask. */
function isBehindServiceWorker(): boolean {
  if (typeof document === 'undefined') return true
  return navigator.serviceWorker !== undefined && navigator.serviceWorker.controller !== null
}
