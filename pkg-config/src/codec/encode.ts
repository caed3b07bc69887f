/**
 * JavaScript values to the JSON text that crosses the boundary. One quick walk looks for anything JSON would lose; if there is
 * nothing, the text is plain `JSON.stringify`. Not a validator of filters or updates: that is the engine's work.
 */
import { invalid, type TidewellError } from '../errors.js'
import { toBase64 } from './base64.js'
import { BIGINT, BYTES, DATE, ESCAPE, isTag, NUMBER, REGEXP, UNDEFINED } from './tags.js'

/** The deepest nesting a value may have: a document's own fields are level 1. */
export const MAX_DEPTH = 64

/** Where a value goes: regular expressions are allowed in queries only. */
export type Target = 'document' | 'query'

/**
 * The JSON text of `value` (a document, a query, or an array of them).
 *
 * Accepted: null, booleans, numbers (NaN, infinities and -0 included), strings, BigInt, undefined, plain objects, arrays, Date,
 * Uint8Array; in a query also RegExp. Lone surrogates in strings become U+FFFD, as in any UTF-8 text. Symbol keys and inherited
 * properties are left out, as `JSON.stringify` does.
 *
 * @param name what the value is called in messages, such as `document` or `filter`.
 * @throws TidewellError `invalid`, naming the path, for functions, symbols, class instances, other binary types, cycles, and
 * nesting deeper than 64.
 */
export function encode(value: unknown, target: Target, name: string): string {
  const text = stringify(isPlain(value, 0) ? value : new Encoder(target, name).value(value, [], 0))
  if (text === undefined) throw invalid(`${name}: a value is needed here, got ${describe(value)}`)
  return text.includes('\\ud') ? text.replace(LONE_SURROGATE, replaceLone) : text
}

/** The JSON texts of `documents` as one array, each document named in messages by its position if there are several. */
export function encodeDocuments(documents: readonly unknown[]): string {
  for (const document of documents) {
    if (!isPlain(document, 0)) {
      const single = documents.length === 1
      return `[${documents.map((each, at) => encode(each, 'document', single ? 'document' : `documents[${at}]`)).join(',')}]`
    }
  }
  const text = stringify(documents) ?? '[]'
  return text.includes('\\ud') ? text.replace(LONE_SURROGATE, replaceLone) : text
}

/** `JSON.stringify` writes a lone surrogate as `\udXXX`; a backslash of the text itself is doubled, and matched first. */
const LONE_SURROGATE = /\\\\|\\ud[89a-f][0-9a-f]{2}/g

function replaceLone(match: string): string {
  return match === '\\\\' ? match : '\ufffd'
}

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw invalid(`the value cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

/** Whether `JSON.stringify` loses nothing of `value`. False is not an error yet: the {@link Encoder} decides. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    case 'object':
      return value === null || (Array.isArray(value) ? isPlainArray(value, depth + 1) : isPlainObject(value, depth + 1))
    default:
      return false
  }
}

function isPlainArray(items: readonly unknown[], depth: number): boolean {
  if (depth > MAX_DEPTH) return false
  for (let at = 0; at < items.length; at++) {
    if (!isPlain(items[at], depth)) return false
  }
  return true
}

function isPlainObject(object: object, depth: number): boolean {
  if (depth > MAX_DEPTH || Object.getPrototypeOf(object) !== Object.prototype) return false
  let fields = 0
  let last = ''
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key]
    if (typeof value !== 'string' && !isPlain(value, depth)) return false
    last = key
    fields++
  }
  return fields !== 1 || !isTag(last)
}

type Path = readonly (string | number)[]

/** The slow walk: a copy with tags in place of what JSON lacks, or an error that names the path. */
class Encoder {
  readonly #target: Target
  readonly #name: string
  readonly #open: object[] = []

  constructor(target: Target, name: string) {
    this.#target = target
    this.#name = name
  }

  value(value: unknown, path: Path, depth: number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return encodeNumber(value)
      case 'bigint':
        return { [BIGINT]: value.toString() }
      case 'undefined':
        return { [UNDEFINED]: true }
      case 'object':
        return value === null ? null : this.#object(value, path, depth + 1)
      case 'function':
        throw this.#error(path, 'a function cannot be stored: remove it or store its result')
      default:
        throw this.#error(path, `a ${typeof value} cannot be stored: remove it or store a string`)
    }
  }

  #object(object: object, path: Path, depth: number): unknown {
    if (Array.isArray(object)) return this.#nested(object, path, depth, () => this.#array(object, path, depth))
    const prototype = Object.getPrototypeOf(object) as object | null
    // A prototype without a prototype is some realm's Object.prototype (an iframe's, a test runner's).
    if (
      prototype === null ||
      (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))
    ) {
      return this.#nested(object, path, depth, () => this.#fields(object, path, depth))
    }
    return this.#special(object, path)
  }

  #nested<R>(object: object, path: Path, depth: number, walk: () => R): R {
    if (this.#open.includes(object)) {
      throw this.#error(path, 'the value contains itself: break the cycle, or store an id instead of the object')
    }
    if (depth > MAX_DEPTH) throw this.#error(path, `nested deeper than ${MAX_DEPTH} levels: flatten it`)
    this.#open.push(object)
    const result = walk()
    this.#open.pop()
    return result
  }

  #array(items: readonly unknown[], path: Path, depth: number): unknown[] {
    return Array.from(items, (item, at) => this.value(item, [...path, at], depth))
  }

  #fields(object: object, path: Path, depth: number): object {
    // Without a prototype, `__proto__` is a key like any other.
    const copy = Object.create(null) as Record<string, unknown>
    const keys = Object.keys(object)
    for (const key of keys) copy[key] = this.value((object as Record<string, unknown>)[key], [...path, key], depth)
    return keys.length === 1 && isTag(keys[0] ?? '') ? { [ESCAPE]: copy } : copy
  }

  #special(object: object, path: Path): unknown {
    switch (Object.prototype.toString.call(object)) {
      case '[object Date]': {
        const ms = Date.prototype.getTime.call(object)
        return { [DATE]: Number.isNaN(ms) ? null : ms }
      }
      case '[object Uint8Array]':
        return { [BYTES]: toBase64(object as Uint8Array) }
      case '[object RegExp]': {
        if (this.#target === 'query') return { [REGEXP]: [(object as RegExp).source, (object as RegExp).flags] }
        throw this.#error(path, 'a RegExp cannot be stored: store its source as a string')
      }
      default:
        throw this.#error(path, `${describe(object)} cannot be stored: ${hint(object)}`)
    }
  }

  #error(path: Path, problem: string): TidewellError {
    return invalid(`${this.#name}${path.length === 0 ? '' : ` at ${JSON.stringify(pathText(path))}`}: ${problem}`)
  }
}

function encodeNumber(value: number): unknown {
  if (Number.isFinite(value)) return Object.is(value, -0) ? { [NUMBER]: '-0' } : value
  return { [NUMBER]: String(value) }
}

function hint(object: object): string {
  if (object instanceof ArrayBuffer) return 'wrap it: new Uint8Array(buffer)'
  if (ArrayBuffer.isView(object)) return 'use its bytes: new Uint8Array(view.buffer, view.byteOffset, view.byteLength)'
  if (object instanceof Map) return 'use a plain object: Object.fromEntries(map)'
  if (object instanceof Set) return 'use an array: [...set]'
  return 'use a plain object: { ...value }'
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null)
    return value === undefined || value === null ? String(value) : `a ${typeof value}`
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'a class instance'
}

function pathText(path: Path): string {
  // Deep paths (a cycle of long keys, 64 levels) are shown by their beginning.
  const shown = path.length > 12 ? [...path.slice(0, 12), '…'] : path
  return shown.join('.')
}
