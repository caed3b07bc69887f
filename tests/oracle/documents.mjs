// Random documents: few fields and few values, so that conditions meet.

export const WORDS = ['', 'a', 'ab', 'b', 'Abc', 'b c', 'x,y', 'é', '😀z']

export const number = (r) => r.pick([0, 1, 2, 3, 4, 5, -1, -2, 0.5, 2.5, 10, 100])
export const word = (r) => r.pick(WORDS)
export const date = (r) => new Date(Date.UTC(2024, r.int(0, 14), r.int(1, 31), r.int(0, 23), r.int(0, 59), r.int(0, 59), r.int(0, 999)))
export const scalar = (r) => r.pick([number, number, word, word, date, () => null, () => true, () => false])(r)

/** A value of any kind, shallow. */
export function any(r) {
  if (r.chance(0.7)) return scalar(r)
  return r.chance(0.5) ? r.list(0, 3, () => scalar(r)) : { p: number(r) }
}

/** A document with most of the fields. */
export function document(r, id) {
  const fields = { id }
  const put = (name, probability, make) => {
    if (r.chance(probability)) fields[name] = r.chance(0.06) ? null : make()
  }
  put('n', 0.85, () => number(r))
  put('m', 0.7, () => number(r))
  put('s', 0.85, () => word(r))
  put('b', 0.7, () => r.chance(0.5))
  put('d', 0.7, () => date(r))
  put('nums', 0.8, () => r.list(0, 4, () => number(r)))
  put('tags', 0.8, () => r.list(0, 3, () => word(r)))
  put('o', 0.8, () => ({ p: number(r), ...(r.chance(0.7) ? { q: word(r) } : {}), ...(r.chance(0.5) ? { r: { z: number(r) } } : {}) }))
  put('list', 0.8, () => r.list(0, 3, () => ({ k: number(r), ...(r.chance(0.7) ? { v: word(r) } : {}) })))
  put('mix', 0.6, () => any(r))
  return fields
}

/** A few documents with ids in ascending order. */
export function documents(r, low = 1, high = 8, prefix = 'd') {
  return r.list(low, high, () => null).map((_, at) => document(r, `${prefix}${at}`))
}

/** Fields by the kind of what they hold. */
export const FIELDS = {
  number: ['n', 'm', 'o.p', 'o.r.z'],
  text: ['s', 'o.q'],
  bool: ['b'],
  date: ['d'],
  numbers: ['nums', 'list.k'],
  texts: ['tags', 'list.v'],
}
export const ALL_FIELDS = [...Object.values(FIELDS).flat(), 'o', 'list', 'mix', 'o.r', 'nothing', 'o.nothing']

/** A constant like what `path` holds, now and then another one. */
export function like(r, path) {
  if (r.chance(0.12)) return scalar(r)
  if (FIELDS.number.includes(path) || FIELDS.numbers.includes(path)) return number(r)
  if (FIELDS.text.includes(path) || FIELDS.texts.includes(path)) return word(r)
  if (FIELDS.bool.includes(path)) return r.chance(0.5)
  if (FIELDS.date.includes(path)) return date(r)
  return any(r)
}
