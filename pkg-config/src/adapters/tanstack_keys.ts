/** Keys of the cache for names of any length, such as the hash of a query. */

/** The longest key of a cache, in bytes. */
const KEY_BYTES_MAX = 512
/** Characters of a longer name that are kept; at most 3 bytes each. */
const KEPT = 150

const utf8 = new TextEncoder()

/** `prefix` and `name` as a key. Of a long name a part and a hash: whoever reads must compare the whole name. */
export function keyOf(prefix: string, name: string): string {
  const key = prefix + name
  if (key.length * 3 <= KEY_BYTES_MAX || utf8.encode(key).length <= KEY_BYTES_MAX) return key
  return `${prefix}${name.slice(0, KEPT)}…${hash(name, 0x811c9dc5)}${hash(name, 0x9747b28c)}`
}

/** FNV-1a from a given beginning, as 7 letters. */
function hash(text: string, from: number): string {
  let sum = from
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193)
  return (sum >>> 0).toString(36).padStart(7, '0')
}
