/** Keys of bytes as ids of documents, in the same order: a letter, then a character for each byte. It knows no store. */

/** A range of keys. */
export interface Range {
  readonly gt?: Uint8Array | undefined
  readonly gte?: Uint8Array | undefined
  readonly lt?: Uint8Array | undefined
  readonly lte?: Uint8Array | undefined
}

/** Ids begin with it: that of the empty key is not empty. */
const FIRST = 'k'
/** Behind all of them. */
const END = 'l'
/** Characters that one call makes: it takes them as arguments. */
const SLICE = 4096

/** The id of a key. */
export function idOf(key: Uint8Array): string {
  let id = FIRST
  for (let at = 0; at < key.length; at += SLICE) id += String.fromCharCode(...key.subarray(at, at + SLICE))
  return id
}

/** The key of an id. */
export function keyOf(id: string): Uint8Array {
  return Uint8Array.from({ length: id.length - FIRST.length }, (_, at) => id.charCodeAt(at + FIRST.length))
}

/** The filter for entries in the range, and, if it is given, behind `from` in the direction of reading. */
export function rangeFilter(
  { gt, gte, lt, lte }: Range,
  from?: { readonly id: string; readonly isIncluded: boolean },
  reverse = false,
) {
  const low: Record<string, string>[] = [{ $gte: FIRST }]
  const high: Record<string, string>[] = [{ $lt: END }]
  if (gte !== undefined) low.push({ $gte: idOf(gte) })
  else if (gt !== undefined) low.push({ $gt: idOf(gt) })
  if (lte !== undefined) high.push({ $lte: idOf(lte) })
  else if (lt !== undefined) high.push({ $lt: idOf(lt) })
  if (from !== undefined) {
    const { id, isIncluded } = from
    if (reverse) high.push(isIncluded ? { $lte: id } : { $lt: id })
    else low.push(isIncluded ? { $gte: id } : { $gt: id })
  }
  return { $and: [...low, ...high].map((id) => ({ id })) }
}
