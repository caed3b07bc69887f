/**
 * The application's functions on a page of documents or of groups. What throws is noted with its record, and nothing of that record
 * is taken; the thread is given back every few milliseconds.
 */
import { encode } from '../codec/encode.js'
import type { CheckedJob } from './definition.js'

/** Work in one go, at most, but for a single call of a function. */
const SLICE_MS = 4
/** What a page of documents should come to, at most: keys, and milliseconds. */
const KEYS_WANTED = 4_000
const MS_WANTED = 100
const ROWS_MAX = 1_000
/** The longest id, in bytes. */
const ID_MAX = 512
const utf8 = new TextEncoder()

/** A record that failed, as the engine is told. */
export interface WireFailure {
  readonly id: string
  readonly message: string
}

/** Gives the thread back once it was held for long enough. */
export class Breath {
  #since = performance.now()

  /** Resolves after other work of the page had its turn, if it is time; undefined if not. */
  due(): Promise<void> | undefined {
    if (performance.now() - this.#since < SLICE_MS) return undefined
    return this.#take()
  }

  async #take(): Promise<void> {
    const { scheduler } = globalThis as { scheduler?: { yield?: () => Promise<void> } }
    await (scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve, 0)))
    this.#since = performance.now()
  }
}

/** How many documents of a page suit the functions: few enough that a slice is soon committed and gives few keys. */
export class Pace {
  limit = 250

  /** Takes note of what a page of `limit` documents came to. */
  note(keys: number, ms: number): void {
    const factor = Math.min(2, KEYS_WANTED / Math.max(keys, 1), MS_WANTED / Math.max(ms, 1))
    this.limit = Math.min(Math.max(Math.round(this.limit * factor), 1), ROWS_MAX)
  }
}

interface Group {
  readonly key: unknown
  readonly values: unknown[]
}

/** Values by key, in the order in which keys appeared. */
class Groups {
  readonly #byText = new Map<string, Group>()
  readonly #byCode = new Map<string, Group>()

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

/** Maps documents. Answers arrays of a key and its values, and what failed. */
export async function mapPage(
  job: CheckedJob,
  documents: readonly unknown[],
  breath: Breath,
): Promise<{ emits: unknown[][]; failures: WireFailure[] }> {
  const { map, combine } = job
  const groups = new Groups()
  const failures: WireFailure[] = []
  if (map === undefined) return { emits: [], failures }
  for (const document of documents) {
    const emitted: [unknown, unknown][] = []
    let open = true
    const emit = (key: unknown, value: unknown) => {
      if (!open) throw new TypeError('emit was called after the map function had ended')
      checkKey(key)
      checkValue(value)
      emitted.push([key, value])
    }
    try {
      const result = map(document, emit)
      if (isThenable(result)) await result
      for (const [key, value] of emitted) groups.add(key, value)
    } catch (error) {
      failures.push({ id: (document as { id: string }).id, message: messageOf(error) })
    }
    open = false
    await breath.due()
  }
  const emits: unknown[][] = []
  for (const { key, values } of groups.all()) {
    if (combine === undefined || values.length === 1) {
      emits.push([key, ...values])
      continue
    }
    try {
      const value = combine(key as never, values)
      checkValue(value)
      emits.push([key, value])
    } catch (error) {
      failures.push({ id: keyText(key), message: `combine: ${messageOf(error)}` })
    }
    await breath.due()
  }
  return { emits, failures }
}

/** Reduces groups. Answers keys with their results, and what failed. */
export async function reducePage(
  job: CheckedJob,
  groups: readonly (readonly [unknown, readonly unknown[]])[],
  breath: Breath,
): Promise<{ results: unknown[][]; failures: WireFailure[] }> {
  const results: unknown[][] = []
  const failures: WireFailure[] = []
  for (const [key, values] of groups) {
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
  return error instanceof Error ? error.message || error.name : String(error)
}
