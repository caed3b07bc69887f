// Values beside their tagged JSON text, and whether two values are the same.

const TAGS = new Set(['$date', '$bytes', '$bigint', '$undefined', '$number', '$regexp', '$escape'])

/** A plain value whose JSON text is the tagged form of `value`. */
export function tag(value) {
  if (value === undefined) return { $undefined: true }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? '-0' : String(value) }
  }
  if (value instanceof Date) return { $date: Number.isNaN(+value) ? null : +value }
  if (value instanceof RegExp) return { $regexp: [value.source, value.flags] }
  if (Array.isArray(value)) return value.map(tag)
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).map(([key, inner]) => [key, tag(inner)])
    const tagged = Object.fromEntries(fields)
    return fields.length === 1 && TAGS.has(fields[0][0]) ? { $escape: tagged } : tagged
  }
  return value
}

/** The value of a parsed tagged form. */
export function untag(value) {
  if (Array.isArray(value)) return value.map(untag)
  if (value === null || typeof value !== 'object') return value
  const keys = Object.keys(value)
  if (keys.length === 1 && TAGS.has(keys[0])) {
    const inside = value[keys[0]]
    switch (keys[0]) {
      case '$date':
        return new Date(inside ?? Number.NaN)
      case '$undefined':
        return undefined
      case '$number':
        return Number(inside)
      case '$escape':
        return fields(inside)
      default:
        throw new Error(`the oracle does not expect ${keys[0]}`)
    }
  }
  return fields(value)
}

function fields(value) {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, untag(inner)]))
}

/** Whether two values are the same: order of keys aside, undefined fields aside, undefined elements as null, numbers up to rounding. */
export function same(a, b) {
  if (typeof a === 'number' && typeof b === 'number') return a === b || sameNumber(a, b)
  if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && sameNumber(+a, +b)
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => same(item ?? null, b[at] ?? null))
  }
  if (a !== null && b !== null && typeof a === 'object' && typeof b === 'object') {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)])
    return [...keys].every((key) => same(a[key], b[key]))
  }
  return a === b
}

function sameNumber(a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b)
  return a === b || Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b))
}
