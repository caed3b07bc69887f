/** From keys of IndexedDB to ids: texts that are the same whenever they are made. */
import { invalid, type TidewellError } from '../errors.js'

const ID_BYTES_MAX = 512

/**
 * The id of a key: a text as it is, a number as it is written, a date as ISO text, a compound key as JSON of these.
 *
 * @throws TidewellError `invalid`, reason `bad-key`.
 */
export function idOf(key: unknown, from: string): string {
  const id = textOf(key, from)
  if (id === '') throw badKey(from, key, 'an id must not be empty')
  if (new TextEncoder().encode(id).length > ID_BYTES_MAX)
    throw badKey(from, key, `an id has at most ${ID_BYTES_MAX} bytes`)
  return id
}

function textOf(key: unknown, from: string): string {
  if (typeof key === 'string') return key
  if (typeof key === 'number' && Number.isFinite(key)) return String(key)
  if (key instanceof Date && !Number.isNaN(key.getTime())) return key.toISOString()
  if (Array.isArray(key))
    return JSON.stringify(key.map((part: unknown) => (Number.isFinite(part) ? part : textOf(part, from))))
  throw badKey(from, key, `a key that is ${what(key)} has no text of its own`)
}

function badKey(from: string, key: unknown, why: string): TidewellError {
  const shown = typeof key === 'string' ? JSON.stringify(key.slice(0, 40)) : String(key)
  return invalid(
    `${from} at key ${shown}: ${why}: leave the collection out, or give documents an id by onError and map`,
    'bad-key',
  )
}

function what(key: unknown): string {
  return key instanceof ArrayBuffer || ArrayBuffer.isView(key) ? 'binary' : typeof key
}

/** Refuses two keys of one source that have the same text, such as `1` and `'1'`. It remembers them only where that may happen. */
export class Ids {
  readonly #seen: Set<string> | undefined

  constructor(mayCollide: boolean) {
    this.#seen = mayCollide ? new Set() : undefined
  }

  of(key: unknown, from: string): string {
    const id = idOf(key, from)
    if (this.#seen?.has(id) === true) throw badKey(from, key, `another key has the same text, ${JSON.stringify(id)}`)
    this.#seen?.add(id)
    return id
  }
}
