/**
 * What puts leave behind: chunks of one that was cut off, of one that another device superseded unseen, of an attachment that was removed before
 * all of it had arrived. Found by this device's own records, never by a clock; so nobody clears what another device is still sending.
 */
import type { Database } from '../database.js'
import { ifDead } from './alive.js'
import { begunAt, chunkIds } from './names.js'
import { asHead, type Files, headOf, type Put } from './records.js'

/** How many records are looked at in one step. */
const STEP = 200

/** The place where leftovers are. */
export interface Place extends Files {
  readonly database: Database
  readonly collection: string
  /** Nobody else can have the database open. */
  readonly alone: boolean
  /** The same collections in a transaction. */
  in(tx: Parameters<Parameters<Database['transaction']>[0]>[0]): Files
}

/** Clears what this device left behind. Resolves with how many puts that were. */
export async function sweep(place: Place): Promise<number> {
  let cleared = 0
  let after = ''
  for (;;) {
    const records = await place.puts
      .find({ id: { $gt: after } })
      .sort({ id: 1 })
      .limit(STEP)
      .toArray()
    const heads = await place.files.getMany(records.map(({ head }) => head))
    for (const [at, record] of records.entries()) {
      if (asHead(heads[at] ?? null)?.generation === record.id) continue
      const clearing = () => clear(place, record.id)
      if (await (record.state === 'begun' ? ifDead(record, place.alone, clearing) : clearing())) cleared++
    }
    const last = records.at(-1)
    if (last === undefined || records.length < STEP) return cleared
    after = last.id
  }
}

/** Clears a generation that this device has a record of, unless it is the attachment. Resolves with whether anything was cleared. */
export function clear({ database, ...place }: Place, generation: string): Promise<boolean> {
  return database.transaction(async (tx) => {
    const { files, puts } = place.in(tx)
    const record = await puts.get(generation)
    if (record === null) return false
    const head = await headOf(files, record.head)
    if (head?.generation === generation) return false
    const ids = await idsOf(files, generation)
    // It was put, and is nowhere: another device removed it, or it may no longer be seen here. That one's chunks are not this one's to remove.
    if (record.state === 'put' && head === undefined && ids.length > 0) return false
    if (ids.length > 0) await files.deleteMany(ids)
    await keepOrDrop(puts, record, ids.length)
    return ids.length > 0
  })
}

/** A record goes, unless more chunks are to come. */
async function keepOrDrop(puts: Files['puts'], { id, state, left = 0 }: Put, removed: number): Promise<void> {
  if (state !== 'dropped' || left <= removed) await puts.delete(id)
  else if (removed > 0) await puts.update(id, { $set: { left: left - removed } })
}

async function idsOf(files: Files['files'], generation: string): Promise<string[]> {
  const chunks = await files
    .find({ id: chunkIds(generation) })
    .project({ id: 1 })
    .toArray()
  return chunks.map(({ id }) => id)
}

/** Clears what was begun before that time (ms) and no head names, whosever it is, as far as it is here. */
export async function sweepOthers(place: Place, before: number): Promise<number> {
  const { files, puts, database } = place
  let cleared = 0
  for (const generation of await files.distinct('generation')) {
    if (typeof generation !== 'string' || !(begunAt(generation) < before)) continue
    if ((await puts.get(generation))?.state === 'begun') continue
    const removed = await database.transaction(async (tx) => {
      const { files, puts } = place.in(tx)
      if ((await files.count({ generation, document: { $exists: true } })) > 0) return 0
      await puts.delete(generation)
      return (await files.deleteMany(await idsOf(files, generation))).deleted
    })
    if (removed > 0) cleared++
  }
  return cleared
}

/** The documents that have attachments and are not in the collection. */
export async function orphans({ files, database, collection }: Place): Promise<string[]> {
  const ids = (await files.distinct('document')).filter((id): id is string => typeof id === 'string')
  const gone: string[] = []
  for (let at = 0; at < ids.length; at += STEP) {
    const some = ids.slice(at, at + STEP)
    const found = await database.collection(collection).getMany(some)
    gone.push(...some.filter((_, index) => found[index] === null))
  }
  return gone
}
