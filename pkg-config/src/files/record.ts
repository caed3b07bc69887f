/**
 * A commit as bytes of a journal. It knows no file.
 *
 *     marker   8 bytes "TWRECORD"
 *     u32 LE   how many bytes follow the checksum
 *     u32 LE   their CRC-32
 *     u32 LE   how many of them are the head
 *     head     JSON: {"synced": bytes of the journal that were on the device before, "deletes": [[area, first, last], …],
 *              "writes": [[area, id, part, length], …]}
 *     blobs    the bytes of the writes, one after another
 */
import { crc32 } from 'node:zlib'
import type { Name, Place, Range } from './blobs.js'

export const MARKER = new TextEncoder().encode('TWRECORD')
/** Bytes of a record before what is checked. */
export const PREFIX = MARKER.length + 8

/** A blob to be written. */
export type Write = readonly [name: Name, bytes: Uint8Array]

/** A record as it was read. */
export interface Commit {
  readonly synced: number
  readonly deletes: readonly Range[]
  /** Where each blob is, from the beginning of the record. */
  readonly writes: readonly (readonly [name: Name, place: Place])[]
  /** Bytes of the whole record. */
  readonly length: number
}

/** The record of a commit. */
export function encode(synced: number, deletes: readonly Range[], writes: readonly Write[]): Uint8Array {
  const described = writes.map(([name, { length }]) => [...name, length])
  const head = new TextEncoder().encode(JSON.stringify({ synced, deletes, writes: described }))
  const length = 4 + head.length + writes.reduce((sum, [, bytes]) => sum + bytes.length, 0)
  const record = new Uint8Array(PREFIX + length)
  const view = new DataView(record.buffer)
  record.set(MARKER)
  view.setUint32(MARKER.length, length, true)
  view.setUint32(PREFIX, head.length, true)
  record.set(head, PREFIX + 4)
  let at = PREFIX + 4 + head.length
  for (const [, bytes] of writes) {
    record.set(bytes, at)
    at += bytes.length
  }
  view.setUint32(MARKER.length + 4, crc32(record.subarray(PREFIX)), true)
  return record
}

/** How many bytes the record has that begins with `prefix`; undefined if none does. */
export function lengthOf(prefix: Uint8Array): number | undefined {
  if (prefix.length < PREFIX || MARKER.some((byte, at) => prefix[at] !== byte)) return undefined
  return PREFIX + new DataView(prefix.buffer, prefix.byteOffset).getUint32(MARKER.length, true)
}

/** The commit of a record; undefined if its bytes are not what was written. */
export function decode(record: Uint8Array): Commit | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  if (record.length < PREFIX + 4 || lengthOf(record) !== record.length) return undefined
  if (crc32(record.subarray(PREFIX)) !== view.getUint32(MARKER.length + 4, true)) return undefined
  const start = PREFIX + 4 + view.getUint32(PREFIX, true)
  if (start > record.length) return undefined
  return parse(record.subarray(PREFIX + 4, start), start, record.length)
}

function parse(head: Uint8Array, start: number, length: number): Commit | undefined {
  let value: { synced?: unknown; deletes?: unknown; writes?: unknown }
  try {
    value = JSON.parse(new TextDecoder().decode(head)) as typeof value
  } catch {
    return undefined
  }
  const { synced, deletes, writes } = value
  if (!isWhole(synced) || !isTable(deletes, 3) || !isTable(writes, 4)) return undefined
  let offset = start
  const places = writes.map(([area, id, part, size]) => {
    const place = { offset, length: size as number }
    offset += place.length
    return [[area, id, part] as unknown as Name, place] as const
  })
  if (offset !== length) return undefined
  return { synced, deletes: deletes as unknown as readonly Range[], writes: places, length }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isTable(value: unknown, columns: number): value is number[][] {
  return (
    Array.isArray(value) &&
    value.every((row: unknown) => Array.isArray(row) && row.length === columns && row.every(isWhole))
  )
}
