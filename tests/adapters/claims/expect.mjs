// The few comparisons that the claims need, the same in Node and in a page.

const show = (value) =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner === undefined ? '(undefined)' : inner))

/** Whether two values are the same, all the way down. */
export const same = (a, b) => {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
}

/** Throws unless both are the same. */
export const equal = (actual, expected, about = '') => {
  if (!same(actual, expected)) throw new Error(`${about} got ${show(actual)}, expected ${show(expected)}`.trim())
}

/** Throws unless the condition holds. */
export const holds = (condition, about) => {
  if (!condition) throw new Error(`does not hold: ${about}`)
}
