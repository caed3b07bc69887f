// The documents every engine gets: about 400 bytes as JSON, the same for the same number.

export const GROUPS = 50
const WORDS = 'tide harbour lantern gravel meadow signal copper orbit velvet thunder canyon ember willow anchor prism saffron'.split(' ')

/** Coprime with every power of ten, so that `n` visits every number once. */
const STRIDE = 7919

/** A number between 0 and 1 that depends on `i` alone. */
const chance = (i, salt) => {
  let x = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39)
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32
}

export const idOf = (i) => `doc-${String(i).padStart(8, '0')}`

/** Document number `i` of `total`: `n` and `s` are indexed, `group`, `amount` and `flag` are not. */
export const documentOf = (i, total) => {
  const word = (salt) => WORDS[Math.floor(chance(i, salt) * WORDS.length)]
  const title = `${word(1)} ${word(2)} ${word(3)}`
  const document = {
    id: idOf(i),
    n: (i * STRIDE) % total,
    s: `${word(4)}-${Math.floor(chance(i, 5) * 1e6).toString(36)}`,
    group: `g${Math.floor(chance(i, 6) * GROUPS)}`,
    amount: Math.round(chance(i, 7) * 1e6) / 100,
    flag: chance(i, 8) < 0.5,
    title,
    body: '',
  }
  let body = title
  while (body.length < 270) body += ` ${word(body.length)}`
  document.body = body.slice(0, 270)
  return document
}

export const documentsOf = (from, count, total) => Array.from({ length: count }, (_, k) => documentOf(from + k, total))
