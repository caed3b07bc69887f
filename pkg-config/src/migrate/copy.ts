/** What imports from all libraries have in common: batches of documents into collections, once, told as they go. */
import type { Database } from '../database.js'
import { aborted, invalid, TidewellError, toError } from '../errors.js'
import type { Found, MigratedCollection, MigrationOptions, MigrationResult } from './options.js'

/** Finished imports, by source. */
const FINISHED = 'tidewell:imports'

/** A document as its library holds it. */
export interface Item {
  readonly key: unknown
  readonly document: () => Record<string, unknown> & { readonly id: string }
}

/** An index as its library has it. */
export interface FoundIndex {
  readonly fields: readonly string[]
  readonly unique: boolean
}

/** A part of a source. */
export interface Part {
  readonly from: string
  /** The collection, unless the options say otherwise. A function sorts documents by what they are; null leaves one out. */
  readonly into: string | ((document: Record<string, unknown>) => string | null)
  readonly total: number | undefined
  readonly indexes: readonly FoundIndex[]
  /** Its documents in batches, in the order of their keys. */
  batches(): AsyncIterable<readonly Item[]>
}

/** A source: its parts, and what is not taken along. */
export interface Source {
  /** What tells it from others, also later. */
  readonly name: string
  parts(): Promise<readonly Part[]>
  attachments(): number
  close(): void
}

/** Copies every part, unless that was finished before. */
export async function migrate(db: Database, source: Source, options: MigrationOptions): Promise<MigrationResult> {
  try {
    const finished = db.collection<{
      id: string
      at: Date
      collections: readonly MigratedCollection[]
      attachments: number
    }>(FINISHED)
    const earlier = options.again === true ? null : await finished.get(source.name)
    if (earlier !== null) return { before: true, collections: earlier.collections, attachments: earlier.attachments }
    const collections: MigratedCollection[] = []
    for (const part of await source.parts()) collections.push(...(await copyPart(db, part, options)))
    const attachments = source.attachments()
    await finished.put({ id: source.name, at: new Date(), collections, attachments })
    return { before: false, collections, attachments }
  } finally {
    source.close()
  }
}

interface Tally {
  documents: number
  kept: number
  skipped: number
}

async function copyPart(db: Database, part: Part, options: MigrationOptions): Promise<MigratedCollection[]> {
  const named = options.collections?.[part.from]
  if (named === false) return []
  const tallies = new Map<string, Tally>()
  const tally = (into: string) => {
    const known = tallies.get(into) ?? { documents: 0, kept: 0, skipped: 0 }
    tallies.set(into, known)
    return known
  }
  const into = named ?? part.into
  if (typeof into === 'string') tally(into)
  let done = 0
  for await (const items of part.batches()) {
    if (options.signal?.aborted === true) throw aborted(options.signal.reason)
    const sorted = new Map<string, Record<string, unknown>[]>()
    for (const item of items) {
      const target = place(item, part, into, options)
      if (target === undefined) tally(typeof into === 'string' ? into : part.from).skipped++
      else {
        const documents = sorted.get(target.into) ?? []
        sorted.set(target.into, documents)
        documents.push(target.document)
      }
    }
    for (const [name, documents] of sorted) await store(db, name, documents, part.from, options, tally(name))
    done += items.length
    options.onProgress?.({ from: part.from, done, total: part.total })
  }
  const all: MigratedCollection[] = []
  for (const [name, counts] of tallies)
    all.push({ from: part.from, into: name, ...counts, ...(await makeIndexes(db, name, part, options)) })
  return all
}

/** The document as it is to be stored, and where; undefined if it is left out. */
function place(item: Item, part: Part, into: Part['into'], options: MigrationOptions) {
  try {
    const read = item.document()
    const found: Found = { from: part.from, key: item.key, id: read.id }
    const name = typeof into === 'string' ? into : into(read)
    if (name === null) return undefined
    if (options.map === undefined) return { into: name, document: read as Record<string, unknown> }
    const mapped = options.map(read, found)
    return mapped === null ? undefined : { into: name, document: { id: read.id, ...mapped } }
  } catch (thrown) {
    refuse(thrown, { from: part.from, key: item.key }, options)
    return undefined
  }
}

function refuse(thrown: unknown, found: Omit<Found, 'id'>, options: MigrationOptions): void {
  const error = toError(thrown)
  if (options.onError === undefined || error.code !== 'invalid') throw error
  options.onError(error, found)
}

/** Stores a batch in one commit; where a document of it cannot be stored, one by one, so that only that one is left out. */
async function store(
  db: Database,
  name: string,
  documents: readonly Record<string, unknown>[],
  from: string,
  options: MigrationOptions,
  tally: Tally,
): Promise<void> {
  try {
    const kept = await storeAll(db, name, documents, options)
    tally.documents += documents.length - kept
    tally.kept += kept
  } catch (thrown) {
    const error = toError(thrown)
    if (error.code !== 'invalid') throw error
    const [only] = documents
    if (documents.length > 1) {
      for (const one of documents) await store(db, name, [one], from, options, tally)
    } else {
      const key = only?.['id']
      const named = new TidewellError('invalid', `${from} at ${JSON.stringify(key)}: ${error.message}`, {
        reason: error.reason ?? 'bad-document',
        cause: error,
      })
      refuse(named, { from, key }, options)
      tally.skipped++
    }
  }
}

/** Answers how many were there already, and stay. */
function storeAll(
  db: Database,
  name: string,
  documents: readonly object[],
  options: MigrationOptions,
): Promise<number> {
  return db.transaction(async (tx) => {
    const collection = tx.collection(name)
    if (options.existing === 'replace') {
      await collection.putMany(documents as { id: string }[])
      return 0
    }
    const given = documents as { id: string }[]
    const there = await collection.getMany(given.map(({ id }) => id))
    const fresh = given.filter((_, at) => there[at] === null)
    await collection.insertMany(fresh)
    return given.length - fresh.length
  })
}

async function makeIndexes(db: Database, name: string, part: Part, options: MigrationOptions) {
  const indexes: string[] = []
  const refused: { index: string; message: string }[] = []
  if (options.indexes === false) return { indexes, refused }
  for (const { fields, unique } of part.indexes) {
    const index = fields.join(',')
    try {
      await db.collection(name).createIndex({ fields, ...(unique ? { unique } : {}) })
      indexes.push(index)
    } catch (error) {
      const { code, message } = toError(error)
      // The documents are there; an index can be made when what is in its way is gone.
      if (code !== 'conflict' && code !== 'invalid') throw error
      refused.push({ index, message })
    }
  }
  return { indexes, refused }
}

/** The options, checked. */
export function checked<O extends MigrationOptions>(options: O | undefined, where: string): O {
  const given: unknown = options ?? {}
  if (typeof given !== 'object' || given === null) throw invalid(`${where}: options must be an object such as { map }`)
  const { existing = 'keep' } = given as MigrationOptions
  if (existing !== 'keep' && existing !== 'replace') throw invalid(`${where}: existing must be "keep" or "replace"`)
  return given as O
}
