/** Claims about types, checked by `tsc` alone: what compiles, what must not, and what comes out. Nothing here runs. */
import type {
  Collection,
  Database,
  Filter,
  InferInput,
  Insertable,
  Path,
  PathValue,
  StandardSchema,
  Topic,
  Update,
} from '../src/index.js'

interface Note {
  id: string
  title: string
  tag?: string
  done: boolean
  due: Date
  score: number
  big: bigint
  bytes: Uint8Array
  author: { name: string; age?: number; address: { city: string } | null }
  tags: string[]
  items: { sku: string; count: number }[]
  kind: 'a' | 'b'
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function claim<T extends true>(): T | undefined {
  return undefined
}

declare const db: Database
declare const notes: Collection<Note>

export function paths() {
  claim<Equal<PathValue<Note, 'author.name'>, string>>()
  claim<Equal<PathValue<Note, 'author.age'>, number | undefined>>()
  claim<Equal<PathValue<Note, 'author.address.city'>, string | undefined>>()
  claim<Equal<PathValue<Note, 'items.sku'>, string>>()
  claim<Equal<PathValue<Note, 'items.0.count'>, number>>()
  claim<Equal<PathValue<Note, 'tags.0'>, string>>()
  const good: Path<Note>[] = ['id', 'author', 'author.address.city', 'items', 'items.count', 'items.3.count', 'tags.1']
  // @ts-expect-error no such field
  const unknown: Path<Note> = 'author.nam'
  // @ts-expect-error a string has no fields
  const deep: Path<Note> = 'title.length'
  return [good, unknown, deep]
}

export function filters() {
  const good: Filter<Note>[] = [
    {},
    { title: 'x', done: false, due: { $lt: new Date() } },
    { title: /^a/i, score: { $gt: 1, $lte: 5, $mod: [2, 0] }, big: { $gte: 10n } },
    { tags: 'sea', items: { $elemMatch: { sku: 'a', count: { $gt: 1 } } } },
    { tags: ['sea'], 'items.sku': { $in: ['a', /b/] }, 'author.address.city': null },
    { $or: [{ kind: 'a' }, { $and: [{ kind: { $ne: 'b' } }] }], $nor: [{ done: true }] },
    {
      tags: { $all: ['a'], $size: 2 },
      tag: { $exists: false },
      title: { $regex: '^a', $options: 'i' },
      score: { $type: 'number', $not: { $lt: 1 } },
    },
    { bytes: new Uint8Array(1) },
  ]
  // @ts-expect-error a number is not a boolean
  const wrongType: Filter<Note> = { done: 1 }
  // @ts-expect-error no such field
  const wrongField: Filter<Note> = { titel: 'x' }
  // @ts-expect-error no such operator
  const wrongOperator: Filter<Note> = { score: { $greater: 1 } }
  // @ts-expect-error compares a number with a string
  const wrongOperand: Filter<Note> = { score: { $gt: '1' } }
  // @ts-expect-error not one of the union
  const wrongLiteral: Filter<Note> = { kind: 'c' }
  // @ts-expect-error a number cannot match a pattern
  const wrongPattern: Filter<Note> = { score: /1/ }
  // @ts-expect-error $elemMatch needs an array
  const wrongElement: Filter<Note> = { title: { $elemMatch: {} } }
  return [good, wrongType, wrongField, wrongOperator, wrongOperand, wrongLiteral, wrongPattern, wrongElement]
}

export function updates() {
  const good: Update<Note>[] = [
    { $set: { title: 'x', 'author.name': 'y' }, $unset: { tag: true } },
    {
      $inc: { score: 1, 'author.age': -1, 'items.0.count': 2 },
      $mul: { score: 2 },
      $min: { due: new Date() },
      $max: { score: 3 },
    },
    { $push: { tags: 'a', items: { $each: [{ sku: 'a', count: 1 }], $slice: -5, $sort: { count: 1 } } } },
    {
      $addToSet: { tags: { $each: ['a', 'b'] } },
      $pull: { items: { sku: 'a' } },
      $pop: { tags: 1 },
      $pullAll: { tags: ['a'] },
    },
    { $rename: { tag: 'label' } },
    { $set: { 'tags.$[]': 'a', 'items.$[x].sku': 'b', 'items.$.sku': 'c' }, $inc: { 'items.$[low].count': 1 } },
  ]
  // @ts-expect-error an element is what the array holds
  const wrongElements: Update<Note> = { $set: { 'items.$[x].count': 'many' } }
  // @ts-expect-error only numbers can be incremented, in elements too
  const wrongElementInc: Update<Note> = { $inc: { 'items.$[].sku': 1 } }
  // @ts-expect-error wrong value type
  const wrongSet: Update<Note> = { $set: { title: 1 } }
  // @ts-expect-error only numbers can be incremented
  const wrongInc: Update<Note> = { $inc: { title: 1 } }
  // @ts-expect-error only arrays can be pushed to
  const wrongPush: Update<Note> = { $push: { title: 'x' } }
  // @ts-expect-error wrong element type
  const wrongElement: Update<Note> = { $push: { tags: 1 } }
  // @ts-expect-error an id never changes
  const wrongId: Update<Note> = { $set: { id: 'n2' } }
  // @ts-expect-error no such operator
  const wrongOperator: Update<Note> = { $put: { title: 'x' } }
  // @ts-expect-error a replacement is not an update
  const replacement: Update<Note> = { title: 'x' }
  return [
    good,
    wrongSet,
    wrongInc,
    wrongPush,
    wrongElement,
    wrongId,
    wrongOperator,
    replacement,
    wrongElements,
    wrongElementInc,
  ]
}

export async function queries() {
  const all: Note[] = await notes
    .find({ done: false })
    .sort({ due: 1, title: -1 })
    .skip(1)
    .limit(2)
    .hint(['done', 'due'])
    .toArray()
  await notes.find().sort('due').toArray()
  await notes
    .find()
    .sort([['due', -1]])
    .toArray()
  // @ts-expect-error no such path
  notes.find().sort({ dew: 1 })
  // @ts-expect-error a direction is 1 or -1
  notes.find().sort({ due: 2 })
  // @ts-expect-error no index on a path that does not exist
  notes.find().hint('nothing')
  const first: Note | null = await notes.find().first()
  const one: Note | null = await notes.findOne({ id: 'a' }, { sort: 'due' })
  for await (const note of notes.find()) claim<Equal<typeof note, Note>>()
  const stop: () => void = notes.find().subscribe(({ docs, diff, position }) => {
    claim<Equal<typeof docs, readonly Note[]>>()
    claim<Equal<typeof position, number>>()
    return diff?.added[0]?.doc.title
  })
  for await (const { docs } of notes.find().live()) claim<Equal<typeof docs, readonly Note[]>>()
  return [all, first, one, stop]
}

export async function projections() {
  const [included] = await notes.find().project({ title: 1, tag: 1 }).toArray()
  claim<Equal<typeof included, { title: string; tag?: string; id: string } | undefined>>()
  const [excluded] = await notes.find().project({ bytes: 0, items: 0 }).toArray()
  claim<Equal<keyof NonNullable<typeof excluded>, Exclude<keyof Note, 'bytes' | 'items'>>>()
  const [withoutId] = await notes.find().project({ title: 1, id: 0 }).toArray()
  claim<Equal<typeof withoutId, { title: string } | undefined>>()
  const [nested] = await notes.find().project({ 'author.name': 1, 'items.sku': 1 }).toArray()
  const name: string | undefined = nested?.author.name
  const sku: string | undefined = nested?.items[0]?.sku
  // @ts-expect-error was not asked for
  nested?.items[0]?.count
  // @ts-expect-error was not asked for
  included?.done
  // @ts-expect-error no such path
  notes.find().project({ nothing: 1 })
  return [name, sku]
}

export async function results() {
  const kinds: ('a' | 'b')[] = await notes.distinct('kind')
  const tags: string[] = await notes.distinct('tags', { done: true })
  const cities: (string | undefined)[] = await notes.distinct('author.address.city')
  // @ts-expect-error no such path
  await notes.distinct('nothing')
  const groups = await notes.aggregate<{ _id: string; n: number }>([
    { $match: { done: true } },
    { $group: { _id: '$tag', n: { $sum: 1 } } },
    { $sort: { n: -1 } },
  ])
  const n: number | undefined = groups[0]?.n
  // @ts-expect-error no such stage
  await notes.aggregate([{ $grupp: {} }])
  return [kinds, tags, cities, n]
}

export async function writes() {
  const stored: Note = await notes.insert({
    title: '',
    done: true,
    due: new Date(),
    score: 1,
    big: 1n,
    bytes: new Uint8Array(),
    author: { name: '', address: null },
    tags: [],
    items: [],
    kind: 'a',
  })
  // @ts-expect-error fields are missing
  await notes.insert({ id: 'a', title: '' })
  // @ts-expect-error a replacement needs an id
  await notes.replace({ title: '' })
  await notes.deleteMany(['a', 'b'])
  await notes.deleteMany({ done: true })
  await notes.update('a', { $set: { done: true } }, { upsert: true, durability: 'strict' })
  // @ts-expect-error no such durability
  await notes.update('a', {}, { durability: 'eventual' })
  const generated: Insertable<Note>['id'] = undefined
  return [stored, generated]
}

export function indexes() {
  db.collection<Note>('notes', {
    indexes: [
      'tag',
      ['done', 'due'],
      { fields: 'author.name', unique: true },
      { fields: [['due', -1], 'title'], name: 'latest' },
    ],
  })
  // @ts-expect-error no such path
  db.collection<Note>('notes', { indexes: ['nothing'] })
  // @ts-expect-error no such path in a compound index
  db.collection<Note>('notes', { indexes: [['done', 'nothing']] })
  // @ts-expect-error no such option
  db.collection<Note>('notes', { indices: ['tag'] })
}

export async function openDocuments() {
  const things = db.collection('things')
  const thing = await things.insert({ anything: 1, nested: { more: [true] } })
  const id: string = thing.id
  const field: unknown = thing['anything']
  await things
    .find({ 'a.b.c': { $gt: 5 }, x: null })
    .sort({ y: 1 })
    .toArray()
  await things.update(id, { $inc: { n: 1 }, $push: { list: 'x' }, $set: { a: { b: 1 } } })
  // A type without an id gets one.
  const untagged = db.collection<{ name: string }>('untagged')
  const { id: generated, name } = await untagged.insert({ name: 'x' })
  return [field, generated.length, name.length]
}

type TaskSchema = StandardSchema<{ id?: string; title: string; due: string }, { id: string; title: string; due: Date }>

export async function schemas(schema: TaskSchema) {
  const tasks = db.collection('tasks', { schema, indexes: ['due'] })
  claim<Equal<InferInput<TaskSchema>['due'], string>>()
  const task = await tasks.insert({ title: '', due: '2026-01-01' })
  const due: Date = task.due
  await tasks.find({ due: { $gt: new Date() } }).toArray()
  // @ts-expect-error the schema takes a string
  await tasks.insert({ title: '', due: new Date() })
  // @ts-expect-error no such path in what the schema gives back
  db.collection('tasks', { schema, indexes: ['nothing'] })
  return due
}

export async function transactions() {
  const answer: number = await db.transaction(async (tx) => {
    const inside = tx.collection(notes)
    await inside.update('a', { $inc: { score: 1 } })
    const other = await tx.collection<{ name: string }>('other').insert({ name: 'x' })
    return other.name.length
  })
  await db.transaction(async () => undefined, { retries: 3, durability: 'strict' })
  await using closing = db
  return [answer, closing]
}

export async function events() {
  db.on('progress', ({ done, total }) => done / total)
  db.on('error', (error) => error.code === 'internal')
  // @ts-expect-error no such event
  db.on('progres', () => undefined)
  const { docs, next } = await notes.find().page()
  const backup = db.export()
  for await (const chunk of backup) chunk.byteLength
  await db.import(new Response(db.export().stream()).body ?? '')
  return notes.find().after(next).first() ?? docs
}

export function jobs() {
  db.job('a', {
    from: notes,
    map: ({ title, score }, emit) => emit(title, score),
    reduce: (key: string, values) => values.length + key.length,
    into: 'counts',
  })
  db.job<Note, number>('b', { from: notes, map: ({ tags }, emit) => emit(tags, 1), reduce: { top: 3 }, into: 'counts' })
  db.job('c', { from: 'notes', map: { key: '$tag', value: '$score' }, reduce: 'avg', into: notes })
  db.job('d', { from: notes, pipeline: [{ $match: { done: true } }, { $group: { _id: '$tag' } }], into: 'counts' })
  // @ts-expect-error: no such reduction
  db.job('e', { from: notes, map: { key: '$tag' }, reduce: 'product', into: 'counts' })
  // @ts-expect-error: a pipeline and a map
  db.job('f', { from: notes, pipeline: [], map: { key: '$tag' }, reduce: 'count', into: 'counts' })
  db.job('g', { from: notes, map: { key: '$tag' }, reduce: 'count', into: 'counts', schedule: { cron: '* * * * *' } })
  // @ts-expect-error: a schedule is one or the other
  db.job('h', { from: notes, map: { key: '$tag' }, reduce: 'count', into: 'counts', schedule: { at: '* * * * *' } })
  const clicks = db.topic<Click>('clicks')
  db.job('i', { from: clicks, map: { key: '$value.page' }, reduce: 'count', into: 'counts' })
  db.job<Click, number>('j', {
    from: clicks,
    map: ({ value, offset }, emit) => emit(value.page, value.ms + offset),
    reduce: 'sum',
    into: 'counts',
  })
  // @ts-expect-error: a message is no click
  db.job('k', { from: clicks, map: ({ page }, emit) => emit(page, 1), reduce: 'sum', into: 'counts' })
  const end: () => void = db
    .job('l', { from: notes, map: { key: '$tag' }, reduce: 'count', into: 'counts', partitions: 4 })
    .help()
  end()
  // @ts-expect-error: a topic is not split
  db.job('m', { from: clicks, map: { key: '$value.page' }, reduce: 'count', into: 'counts', partitions: 2 })
}

interface Click {
  readonly page: string
  readonly ms: number
}

export async function streams(clicks: Topic<Click>, orders: Topic<{ page: string; item: number }>) {
  const keyed = db
    .stream('s')
    .from(clicks, { time: ({ ms }, { timestamp }) => timestamp.getTime() - ms })
    .filter(({ ms }) => ms > 0)
    .map(({ page, ms }) => ({ page, seconds: ms / 1000 }))
    .keyBy(({ page }) => page)
  keyed
    .window({ tumbling: 1000 })
    .aggregate({ n: { $count: {} }, longest: { $max: ({ seconds }) => seconds } })
    .map(({ key, start, value }) => {
      claim<Equal<typeof value, { n: number; longest: number }>>()
      return { id: key, start: start.getTime(), ...value }
    })
    .into('counts')
  keyed.count().map((result) => {
    claim<Equal<typeof result.value, number>>()
    // @ts-expect-error without a window there is no beginning
    return result.start
  })
  keyed
    .aggregate({ init: () => [''], add: (all, { page }) => [...all, page], result: (all) => all.length })
    .filter(({ value }) => value > 1)
  keyed.join(
    (source) => source.from(orders).keyBy(({ page }) => page),
    { within: 5, kind: 'left' },
    ({ seconds }, order) => {
      // @ts-expect-error nothing may be found
      const item: number = order.item
      return seconds + item
    },
  )
  const running = await db
    .stream('t')
    .from(notes)
    .map(({ after }) => after?.title ?? '')
    .into(db.topic<string>('titles'))
    .run()
  const ids = db
    .stream('t')
    .from(notes)
    .map(({ id }) => id)
  // @ts-expect-error a topic of numbers
  ids.into(db.topic<number>('numbers'))
  const all = db.stream('t').from(clicks)
  // @ts-expect-error no such field
  all.filter(({ pages }) => pages)
  return (await running.stats()).watermark?.getTime()
}

export async function syncs() {
  const sync = db.sync({
    url: 'https://sync.example.com',
    getToken: async ({ refused, signal }) => (signal.aborted ? undefined : refused),
    collections: ['notes', { name: 'tags', filter: { archived: false }, conflict: 'if_version' }],
    conflict: (refused, documents) => {
      claim<Equal<typeof refused.code, string>>()
      return documents[0] === null ? null : refused.ops
    },
  })
  // @ts-expect-error no such policy
  db.sync({ url: '', token: '', collections: ['notes'], conflict: 'mine' })
  // @ts-expect-error collections must be named
  db.sync({ url: '', token: '' })
  claim<Equal<typeof sync.status.state, 'offline' | 'connecting' | 'syncing' | 'live' | 'needs-auth' | 'upgrade'>>()
  sync.subscribe(({ pending, lastError }) => pending + (lastError?.message.length ?? 0))
  const [letter] = await sync.deadLetters()
  await letter?.edit([{ collection: 'notes', id: 'n', put: { id: 'n' } }])
  // @ts-expect-error an op does something
  await letter?.edit([{ collection: 'notes', id: 'n' }])
  // @ts-expect-error the status is not the application's to change
  sync.status.pending = 0
  await using _ = sync
}

export async function attachments(file: File, body: ReadableStream<Uint8Array>, parts: AsyncGenerator<Uint8Array>) {
  const files = db.attachments(notes)
  const info = await files.put('n', 'a', file, {
    type: 'image/png',
    fields: { owner: 'ann' },
    signal: AbortSignal.abort(),
  })
  claim<Equal<typeof info.created, Date>>()
  for (const source of [body, parts, new Blob([]), new ArrayBuffer(1), Buffer.from(''), 'text'])
    await files.put('n', 'a', source, { onProgress: (bytes) => bytes + info.size })
  // @ts-expect-error a number is no source
  await files.put('n', 'a', 5)
  const [blob, bytes] = [await files.get('n', 'a'), await files.bytes('n', 'a')]
  claim<Equal<typeof blob, Blob | undefined>>()
  claim<Equal<typeof bytes, Uint8Array | undefined>>()
  await db.transaction((tx) => files.deleteAll('n', { tx }))
  await db.attachments('notes').clean({ gone: true, olderThan: 1 })
  db.sync({ url: '', token: '', collections: ['notes'], attachments: ['notes'] })
  // @ts-expect-error not the name of a file
  db.sync({ url: '', token: '', collections: ['notes'], attachments: 5 })
}
