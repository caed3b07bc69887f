/**
 * The application's functions on a page of documents or of groups. What throws is noted with its record, and nothing of that record
 * is taken; the thread is given back every few milliseconds. Once the signal has fired, none is called any more.
 */
import { throwIfAborted } from '../abort.js'
import { encode } from '../codec/encode.js'
import { toError } from '../errors.js'
import type { Signal } from '../types/signal.js'
import type { Breath } from './breath.js'
import type { CheckedJob } from './definition.js'

/** What a page of documents should come to, at most: keys, and milliseconds. */
const KEYS_WANTED = 4_000
const PAGE_MS = 25
const ROWS_MAX = 4_000
/** What a slice of pages comes to, at most: values that wait to be stored, and milliseconds. */
const VALUES_WANTED = 4_000
const SLICE_WANTED_MS = 100
/** The longest id, in bytes. */
const ID_MAX = 512
const utf8 = new TextEncoder()

/** A record that failed, as the engine is told. */
export interface WireFailure {
  readonly id: string
  readonly message: string
}

/** How many documents of a page suit the functions: few enough that it is soon done and gives few keys. */
export class Pace {
  limit = 250

  /** Takes note of what a page of `limit` documents came to. */
  note(keys: number, ms: number): void {
    const factor = Math.min(2, KEYS_WANTED / Math.max(keys, 1), PAGE_MS / Math.max(ms, 1))
    this.limit = Math.min(Math.max(Math.round(this.limit * factor), 1), ROWS_MAX)
  }
}

interface Group {
  readonly key: unknown
  values: unknown[]
}

/** Values by key, in the order in which keys appeared. */
class Groups {
  readonly #byText = new Map<string, Group>()
  readonly #byCode = new Map<string, Group>()

  get size(): number {
    return this.#byText.size + this.#byCode.size
  }

  add(key: unknown, value: unknown): void {
    const isText = typeof key === 'string'
    const map = isText ? this.#byText : this.#byCode
    const code = isText ? key : encode(key, 'document', 'key')
    const group = map.get(code)
    if (group === undefined) map.set(code, { key, values: [value] })
    else group.values.push(value)
  }

  *all(): Generator<Group, void, undefined> {
    yield* this.#byText.values()
    yield* this.#byCode.values()
  }
}

/** Documents that are mapped, page after page, until a slice is full. */
export class MapSlice {
  readonly failures: WireFailure[] = []
  readonly #job: CheckedJob
  readonly #breath: Breath
  readonly #signal: Signal | undefined
  readonly #groups = new Groups()
  readonly #begun = performance.now()
  /** Keys that `combine` failed on. */
  readonly #lost = new Set<Group>()
  #rows = 0
  #values = 0

  constructor(job: CheckedJob, breath: Breath, signal?: Signal) {
    this.#job = job
    this.#breath = breath
    this.#signal = signal
  }

  /** How many more documents it takes; 0 once it is full. */
  get room(): number {
    const full =
      this.#groups.size >= KEYS_WANTED ||
      this.#values >= VALUES_WANTED ||
      performance.now() - this.#begun >= SLICE_WANTED_MS
    return full ? 0 : Math.max(0, this.#job.sliceSize - this.#rows)
  }

  /** Maps a page. Answers how many keys it came to. */
  async add(documents: readonly unknown[]): Promise<number> {
    throwIfAborted(this.#signal)
    const before = this.#groups.size
    for (const document of documents) {
      // Not awaited where there is nothing to wait for: that is a large part of what a short function costs.
      const pending = this.#map(document)
      if (pending !== undefined) await this.#after(pending)
      const due = this.#breath.due()
      if (due !== undefined) await this.#after(due)
    }
    this.#rows += documents.length
    if (this.#values >= VALUES_WANTED) await this.#shrink()
    return this.#groups.size - before
  }

  /** Waits, and throws if the signal fired meanwhile. */
  async #after(pending: Promise<void>): Promise<void> {
    await pending
    throwIfAborted(this.#signal)
  }

  /** Maps one document, with all it emits or with nothing. */
  #map(document: unknown): Promise<void> | undefined {
    const emitted: unknown[] = []
    let open = true
    const emit = (key: unknown, value: unknown) => {
      if (!open) throw new TypeError('emit was called after the map function had ended')
      checkKey(key)
      checkValue(value)
      emitted.push(key, value)
    }
    const take = () => {
      open = false
      for (let at = 0; at < emitted.length; at += 2) this.#groups.add(emitted[at], emitted[at + 1])
      this.#values += emitted.length / 2
    }
    const fail = (error: unknown) => {
      open = false
      this.failures.push({ id: this.#idOf(document), message: messageOf(error) })
    }
    try {
      const result = this.#job.map?.(document, emit)
      if (isThenable(result)) return result.then(take, fail)
      take()
    } catch (error) {
      fail(error)
    }
    return undefined
  }

  /** What a record is called: a document's id, a message's offset. */
  #idOf(record: unknown): string {
    const { id, offset } = record as { id?: string; offset?: number }
    return String(this.#job.wire['topic'] === true ? offset : id)
  }

  /** Arrays of a key and its values, as few as `combine` makes of them. */
  async finish(): Promise<unknown[][]> {
    await this.#shrink()
    const emits: unknown[][] = []
    for (const group of this.#groups.all()) if (!this.#lost.has(group)) emits.push([group.key, ...group.values])
    return emits
  }

  async #shrink(): Promise<void> {
    const { combine, fold } = this.#job
    if (combine === undefined && fold === undefined) return
    this.#values = 0
    for (const group of this.#groups.all()) {
      if (group.values.length > 1 && fold !== undefined) group.values = fold(group.values)
      else if (group.values.length > 1 && combine !== undefined && !this.#lost.has(group)) this.#combine(group, combine)
      this.#values += group.values.length
      const due = this.#breath.due()
      if (due !== undefined) await this.#after(due)
    }
  }

  #combine(group: Group, combine: NonNullable<CheckedJob['combine']>): void {
    try {
      const value = combine(group.key as never, group.values)
      checkValue(value)
      group.values = [value]
    } catch (error) {
      this.#lost.add(group)
      this.failures.push({ id: keyText(group.key), message: `combine: ${messageOf(error)}` })
    }
  }
}

/** Reduces groups. Answers keys with their results, and what failed. */
export async function reducePage(
  job: CheckedJob,
  groups: readonly (readonly [unknown, readonly unknown[]])[],
  breath: Breath,
  signal?: Signal,
): Promise<{ results: unknown[][]; failures: WireFailure[] }> {
  const results: unknown[][] = []
  const failures: WireFailure[] = []
  for (const [key, values] of groups) {
    throwIfAborted(signal)
    try {
      const reduced = job.reduce?.(key as never, values)
      const value = isThenable(reduced) ? await reduced : reduced
      checkValue(value)
      results.push([key, value])
    } catch (error) {
      failures.push({ id: keyText(key), message: messageOf(error) })
    }
    await breath.due()
  }
  return { results, failures }
}

function checkKey(key: unknown): void {
  if (typeof key === 'string') {
    const long = key.length * 3 > ID_MAX && utf8.encode(key).length > ID_MAX
    if (key === '' || long)
      throw new TypeError(`a key becomes an id: use 1 to ${ID_MAX} bytes, got ${key.slice(0, 40)}…`)
  } else if (key === undefined) throw new TypeError('emit needs a key')
  else encode(key, 'document', 'key')
}

/** Throws for what cannot be stored, so that the record that brought it is known. */
function checkValue(value: unknown): void {
  if (typeof value === 'number' || typeof value === 'string' || value === null || typeof value === 'boolean') return
  if (isThenable(value)) throw new TypeError('a value is a promise: await it first')
  if (value !== undefined) encode(value, 'document', 'value')
}

function keyText(key: unknown): string {
  return typeof key === 'string' ? key : encode(key ?? null, 'document', 'key')
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function messageOf(error: unknown): string {
  return toError(error).message
}
