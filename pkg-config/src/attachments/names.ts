/** What attachments are called: their collections, their documents, the fields that are theirs. It reads and writes nothing. */

/** The companion of a collection: heads and chunks of its attachments. */
export function filesOf(collection: string): string {
  return `${collection}.files`
}

/** What this device alone knows of its own puts. It is never synced. */
export function putsOf(collection: string): string {
  return `${collection}.files.puts`
}

/** The id of a head. A name has no slash, so that the last one parts the two. */
export function headId(document: string, name: string): string {
  return `${document}/${name}`
}

/** The id of a chunk. It has no slash, so that it is never a head's. */
export function chunkId(generation: string, at: number): string {
  return `${generation}:${String(at).padStart(4, '0')}`
}

/** Where ids of a generation's chunks end. */
export function chunkIds(generation: string): { readonly $gte: string; readonly $lt: string } {
  return { $gte: `${generation}:`, $lt: `${generation};` }
}

/** When a generation was begun, in ms: it is a UUIDv7. */
export function begunAt(generation: string): number {
  return parseInt(generation.replaceAll('-', '').slice(0, 12), 16)
}

/** Fields of heads and chunks that an application may not give. */
export const OWN_FIELDS: ReadonlySet<string> = new Set(
  'id document name type size digest created generation chunks bytes'.split(' '),
)
