/** What is stored of attachments: heads and chunks in one collection, this device's own puts in another (docs/FORMAT.md). */
import type { Collection } from '../collection.js'
import type { AnyDocument } from '../types/document.js'
import type { ReadOptions } from '../types/options.js'
import { chunkId, OWN_FIELDS } from './names.js'
import type { AttachmentInfo } from './types.js'

/** The largest attachment, in bytes. */
export const SIZE_MAX = 64 << 20
/** Bytes of a chunk: a third of what a document may hold, for it is base64 there, and several fit a push. */
export const CHUNK = 256 << 10
/** More than any head names; so many removals are still one mutation. */
const CHUNKS_MAX = 900

/** What an attachment is. It names the chunks of one generation. */
export interface Head extends Omit<AttachmentInfo, 'complete' | 'fields'> {
  readonly id: string
  readonly generation: string
  readonly chunks: number
  readonly [field: string]: unknown
}

/**
 * A generation that this device may have to clear. `begun`: it is being put, or was when the tab died. `put`: it has been, and is synced:
 * another device may supersede it without ever having seen it. `dropped`: it went while some of its chunks had not arrived.
 */
export interface Put {
  /** The generation. */
  readonly id: string
  readonly head: string
  readonly state: 'begun' | 'put' | 'dropped'
  /** When, in ms. */
  readonly at: number
  /** Of `dropped`: chunks that are still to come. */
  readonly left?: number
}

/** The collections, of a database or in a transaction. */
export interface Files {
  readonly files: Collection<AnyDocument>
  readonly puts: Collection<Put>
}

/** The head of an attachment; undefined if there is none. What a server sends may be anything: what is no head counts as none. */
export async function headOf(files: Files['files'], id: string, options?: ReadOptions): Promise<Head | undefined> {
  return asHead(await files.get(id, options))
}

/** The document, if it is a head. */
export function asHead(found: unknown): Head | undefined {
  const head = found as Head | null
  if (head === null) return undefined
  const isSound =
    typeof head.document === 'string' &&
    typeof head.name === 'string' &&
    typeof head.type === 'string' &&
    typeof head.digest === 'string' &&
    /^[0-9a-f-]{36}$/.test(head.generation) &&
    head.created instanceof Date &&
    isWhole(head.size, SIZE_MAX) &&
    isWhole(head.chunks, CHUNKS_MAX)
  return isSound ? head : undefined
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}

/** Removes chunks, of which there should be so many. Resolves with how many there were. */
export async function removeChunks(files: Files['files'], generation: string, count: number): Promise<number> {
  if (count === 0) return 0
  const ids = Array.from({ length: count }, (_, at) => chunkId(generation, at))
  return (await files.deleteMany(ids)).deleted
}

/**
 * Removes the chunks of an attachment whose head goes in the same transaction: so a server takes both, or neither. What has not arrived is
 * removed when it has.
 */
export async function discard({ files, puts }: Files, head: Head): Promise<void> {
  const { generation, chunks, id } = head
  const left = chunks - (await removeChunks(files, generation, chunks))
  if (left > 0) await puts.put({ id: generation, head: id, state: 'dropped', at: Date.now(), left })
  else await puts.delete(generation)
}

/** Whether all of an attachment's chunks are here. Answered by the index, not by the chunks. */
export async function isComplete(files: Files['files'], { generation, chunks }: Head): Promise<boolean> {
  return (await files.count({ generation })) === chunks + 1
}

/** What the application is told of a head. */
export function infoOf(head: Head, complete: boolean): AttachmentInfo {
  const { document, name, type, size, digest, created } = head
  const fields = Object.fromEntries(Object.entries(head).filter(([field]) => !OWN_FIELDS.has(field)))
  return { document, name, type, size, digest, created, complete, fields }
}
