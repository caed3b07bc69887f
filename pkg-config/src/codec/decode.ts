/** JSON text from the engine back to JavaScript values. Not hardened against foreign text: it reads what the engine wrote. */
import { fromBase64 } from './base64.js'
import { BIGINT, BYTES, DATE, ESCAPE, isTag, NUMBER, REGEXP, UNDEFINED } from './tags.js'

/**
 * The value of `text`.
 *
 * @param extended whether the text holds tagged values; otherwise it is plain JSON and parsing is all there is to do.
 */
export function decode(text: string, extended: boolean): unknown {
  const value: unknown = JSON.parse(text)
  return extended ? revive(value) : value
}

/** Replaces tagged objects by the values they stand for, in place. */
export function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = revive(value[at])
    return value
  }
  const object = value as Record<string, unknown>
  const keys = Object.keys(object)
  const only = keys.length === 1 ? (keys[0] ?? '') : ''
  if (isTag(only)) return untag(only, object[only])
  return reviveFields(object, keys)
}

/** Every key is an own data property (JSON.parse made it), so assigning to `__proto__` too stays on the object. */
function reviveFields(object: Record<string, unknown>, keys: readonly string[]): object {
  for (const key of keys) {
    const field = object[key]
    if (typeof field === 'object' && field !== null) object[key] = revive(field)
  }
  return object
}

function untag(tag: string, content: unknown): unknown {
  switch (tag) {
    case DATE:
      return new Date(typeof content === 'number' ? content : NaN)
    case BYTES:
      return fromBase64(String(content))
    case BIGINT:
      return BigInt(String(content))
    case UNDEFINED:
      return undefined
    case NUMBER:
      return Number(content)
    case REGEXP: {
      const [source, flags] = content as [string, string]
      return new RegExp(source, flags)
    }
    case ESCAPE:
      return reviveFields(content as Record<string, unknown>, Object.keys(content as object))
    default:
      return content
  }
}
