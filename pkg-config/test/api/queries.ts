/** Queries: filters, order, pages, projections, aggregation, indexes and their explanation. */
import { claim, equal, eventually, fill, holds, rejects } from './harness.js'

interface Film {
  id: string
  title: string
  year: number
  rating: number | null
  tags: string[]
  crew: { name: string; role: 'director' | 'actor' }[]
  released?: Date
}

const film = (at: number): Film => ({
  id: `f${String(at).padStart(4, '0')}`,
  title: `Film ${at % 100}`,
  year: 1950 + (at % 70),
  rating: at % 10 === 0 ? null : (at * 7) % 10,
  tags: [['sea', 'noir', 'short'][at % 3] as string, ...(at % 5 === 0 ? ['rare'] : [])],
  crew: [
    { name: `D${at % 7}`, role: 'director' },
    { name: `A${at % 11}`, role: 'actor' },
  ],
  ...(at % 2 === 0 ? { released: new Date(Date.UTC(1950 + (at % 70), 0, 1)) } : {}),
})
const films = Array.from({ length: 1000 }, (_, at) => film(at))
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)

export const queries = [
  claim('filters find what a plain loop finds, with and without an index', async (db) => {
    const collection = db.collection<Film>('films')
    await fill(collection, 1000, film)
    const cases: [object, (film: Film) => boolean][] = [
      [{ year: 1960 }, (f) => f.year === 1960],
      [
        { year: { $gte: 1960, $lt: 1970 }, tags: 'sea' },
        (f) => f.year >= 1960 && f.year < 1970 && f.tags.includes('sea'),
      ],
      [{ tags: { $all: ['rare', 'noir'] } }, (f) => f.tags.includes('rare') && f.tags.includes('noir')],
      [
        { crew: { $elemMatch: { name: 'D3', role: 'director' } } },
        (f) => f.crew.some((c) => c.name === 'D3' && c.role === 'director'),
      ],
      [{ 'crew.name': { $in: ['A1', 'A2'] } }, (f) => f.crew.some((c) => c.name === 'A1' || c.name === 'A2')],
      [{ $or: [{ year: 1951 }, { title: /^Film 9\d?$/ }] }, (f) => f.year === 1951 || /^Film 9\d?$/.test(f.title)],
      [{ $nor: [{ year: { $gt: 1955 } }, { tags: 'sea' }] }, (f) => f.year <= 1955 && !f.tags.includes('sea')],
      [{ rating: null }, (f) => f.rating === null],
      [{ released: { $exists: false } }, (f) => f.released === undefined],
      [
        { released: { $lt: new Date(Date.UTC(1955, 0, 1)) } },
        (f) => f.released !== undefined && f.released < new Date(Date.UTC(1955, 0, 1)),
      ],
      [{ tags: { $size: 2 } }, (f) => f.tags.length === 2],
      [{ year: { $mod: [10, 5] } }, (f) => f.year % 10 === 5],
      [{ year: { $not: { $gt: 1951 } } }, (f) => f.year <= 1951],
      [{ rating: { $type: 'null' } }, (f) => f.rating === null],
      [
        { title: { $nin: ['Film 1', 'Film 2'] }, year: { $ne: 1950 } },
        (f) => f.title !== 'Film 1' && f.title !== 'Film 2' && f.year !== 1950,
      ],
    ]
    const compare = async (when: string) => {
      for (const [filter, test] of cases) {
        const expected = ids(films.filter(test)).sort()
        equal(
          ids(await collection.find(filter as never).toArray()).sort(),
          expected,
          `${JSON.stringify(filter)} ${when}`,
        )
        equal(await collection.count(filter as never), expected.length, `count of ${JSON.stringify(filter)} ${when}`)
      }
    }
    await compare('without an index')
    for (const index of ['year', 'tags', 'crew.name', 'released', 'rating'] as const)
      await collection.createIndex(index)
    await compare('with indexes')
  }),

  claim('sort, skip and limit give a stable order', async (db) => {
    const collection = db.collection<Film>('films', { indexes: ['year'] })
    await fill(collection, 300, film)
    const expected = [...films.slice(0, 300)].sort(
      (a, b) => b.year - a.year || (a.title < b.title ? -1 : a.title > b.title ? 1 : 0) || (a.id < b.id ? -1 : 1),
    )
    equal(
      ids(await collection.find().sort({ year: -1, title: 1 }).skip(20).limit(30).toArray()),
      ids(expected.slice(20, 50)),
    )
    equal(
      ids(await collection.find().sort('year').limit(5).toArray()),
      ids([...films.slice(0, 300)].sort((a, b) => a.year - b.year || (a.id < b.id ? -1 : 1)).slice(0, 5)),
    )
    equal(
      (await collection.findOne({ tags: 'rare' }, { sort: { year: -1 } }))?.year,
      Math.max(
        ...films
          .slice(0, 300)
          .filter((f) => f.tags.includes('rare'))
          .map((f) => f.year),
      ),
    )
    equal(await collection.find({ year: 1 }).first(), null)
  }),

  claim('pages continue where the last one ended, whatever was written between', async (db) => {
    const collection = db.collection<Film>('films')
    await fill(collection, 120, film)
    const query = collection.find().sort({ year: 1 }).limit(50)
    const first = await query.page()
    equal(first.docs.length, 50)
    await collection.delete(first.docs[10]?.id ?? '')
    await collection.insert({ ...film(5000), id: 'new', year: 1900 })
    const second = await query.after(first.next).page()
    const third = await query.after(second.next).page()
    equal(third.next, null)
    const seen = [...first.docs, ...second.docs, ...third.docs]
    equal(seen.length, 120)
    equal(new Set(ids(seen)).size, 120)
  }),

  claim('a part of an answer is the same part whichever way it is found', async (db) => {
    const notes = db.collection('notes', { indexes: ['n', 'tag'] })
    await fill(notes, 2000, (at) => ({ id: `d${at}`, n: (at * 1237) % 2000, tag: at % 50 ? 'sea' : 'sun' }))
    const filter = { n: { $lt: 80 } }
    const seen = new Set<string>()
    for (let skip = 0; skip < 80; skip += 10)
      for (const { id } of await notes.find(filter).skip(skip).limit(10).toArray()) seen.add(String(id))
    equal(seen.size, 80, 'pages by skip and limit')
    const first = await notes
      .find({ n: { $gt: 1900 } })
      .sort('id')
      .first()
    equal((await notes.findOne({ n: { $gt: 1900 } }))?.id, first?.id)
    equal(await notes.find({ tag: 'sun' }).skip(3).limit(5).count(), 5, 'counted by index entries alone')
    equal(await notes.find({ tag: 'sun' }).skip(38).limit(5).count(), 2)
  }),

  claim('iterating gives every document once, in order', async (db) => {
    const collection = db.collection<Film>('films')
    await fill(collection, 700, film)
    const seen: string[] = []
    for await (const { id } of collection.find()) seen.push(id)
    equal(seen, ids(films.slice(0, 700)))
    let some = 0
    for await (const { year } of collection.find({ tags: 'sea' }).sort({ year: 1 }).skip(3).limit(9))
      some += year > 0 ? 1 : 0
    equal(some, 9)
  }),

  claim('projections return some fields', async (db) => {
    const collection = db.collection<Film>('films')
    await collection.insert(film(1))
    equal(await collection.find().project({ title: 1 }).toArray(), [{ id: 'f0001', title: 'Film 1' }])
    equal(await collection.find().project({ title: 1, id: 0 }).toArray(), [{ title: 'Film 1' }])
    equal(await collection.find().project({ 'crew.name': 1 }).toArray(), [
      { id: 'f0001', crew: [{ name: 'D1' }, { name: 'A1' }] },
    ])
    const [rest] = await collection.find().project({ crew: 0, tags: 0 }).toArray()
    equal(Object.keys(rest ?? {}).sort(), ['id', 'rating', 'title', 'year'])
  }),

  claim('distinct lists values, of arrays their elements', async (db) => {
    const collection = db.collection<Film>('films')
    await fill(collection, 100, film)
    equal(await collection.distinct('tags'), ['noir', 'rare', 'sea', 'short'])
    equal(await collection.distinct('crew.role'), ['actor', 'director'])
    equal(
      (await collection.distinct('year', { tags: 'rare' })).length,
      new Set(
        films
          .slice(0, 100)
          .filter((f) => f.tags.includes('rare'))
          .map((f) => f.year),
      ).size,
    )
  }),

  claim('pipelines group, join and sort', async (db) => {
    const collection = db.collection<Film>('films')
    await fill(collection, 210, film)
    await db.collection('labels').insertMany([
      { id: 'sea', label: 'At sea' },
      { id: 'noir', label: 'Dark' },
    ])
    const groups = await collection.aggregate<{ _id: string; n: number; best: number }>([
      { $match: { year: { $lt: 1980 } } },
      { $unwind: '$tags' },
      { $group: { _id: '$tags', n: { $sum: 1 }, best: { $max: '$rating' } } },
      { $sort: { n: -1, _id: 1 } },
    ])
    const expected = new Map<string, number>()
    for (const f of films.slice(0, 210).filter(({ year }) => year < 1980))
      for (const tag of f.tags) expected.set(tag, (expected.get(tag) ?? 0) + 1)
    equal(Object.fromEntries(groups.map(({ _id, n }) => [_id, n])), Object.fromEntries(expected))
    const joined = await collection.aggregate<{ label: { label: string }[] }>([
      { $match: { id: 'f0000' } },
      { $project: { tag: { $arrayElemAt: ['$tags', 0] } } },
      { $lookup: { from: 'labels', localField: 'tag', foreignField: 'id', as: 'label' } },
    ])
    equal(joined[0]?.label[0]?.label, 'At sea')
  }),

  claim('indexes are built on a populated collection, used, listed and dropped', async (db) => {
    const collection = db.collection<Film>('films')
    await fill(collection, 2000, film)
    equal((await collection.find({ year: 1960 }).explain()).stage, 'scan')
    const info = await collection.createIndex(['year', 'title'])
    equal([info.name, info.state, info.unique], ['year,title', 'ready', false])
    const plan = await collection.find({ year: 1960 }).explain()
    equal([plan.stage, plan.index], ['index', 'year,title'])
    holds(plan.documentsExamined < 2000, 'the index saves reading')
    equal((await collection.find({ year: 1960 }).hint('$scan').explain()).stage, 'scan')
    equal((await collection.find({ title: 'Film 1' }).hint(['year', 'title']).explain()).index, 'year,title')
    equal(
      (await collection.indexes()).map(({ name }) => name),
      ['year,title'],
    )
    equal(await collection.dropIndex(['year', 'title']), true)
    equal(await collection.dropIndex({ name: 'year,title' }), false)
    equal((await collection.find({ year: 1960 }).explain()).stage, 'scan')
    await rejects(collection.find().hint('year').toArray(), 'invalid')
  }),

  claim('a declared index follows every write', async (db) => {
    const collection = db.collection<Film>('films', { indexes: ['tags', { fields: [['year', -1]], name: 'latest' }] })
    await fill(collection, 50, film)
    await eventually(
      async () => (await collection.indexes()).every(({ state }) => state === 'ready'),
      'the indexes are ready',
    )
    await collection.updateMany({ tags: 'noir' }, { $set: { tags: ['new'] } })
    await collection.deleteMany({ tags: 'sea' })
    const left = films.slice(0, 50).filter((f) => !f.tags.includes('sea'))
    equal(
      await collection.find({ tags: 'new' }).hint('tags').count(),
      left.filter((f) => f.tags.includes('noir')).length,
    )
    equal(await collection.find({ tags: 'sea' }).hint('tags').count(), 0)
    equal(
      (await collection.find().sort({ year: -1 }).hint({ name: 'latest' }).toArray()).map(({ year }) => year),
      left.map(({ year }) => year).sort((a, b) => b - a),
    )
  }),

  claim('a unique index refuses a second document with the same value', async (db) => {
    const users = db.collection<{ id: string; mail?: string; n?: number }>('users', {
      indexes: [{ fields: 'mail', unique: true }],
    })
    await users.insert({ id: 'a', mail: 'a@x' })
    await rejects(users.insert({ id: 'b', mail: 'a@x' }), 'conflict', 'unique')
    await rejects(
      users.insertMany([
        { id: 'c', mail: 'c@x' },
        { id: 'd', mail: 'a@x' },
      ]),
      'conflict',
      'unique',
    )
    equal(await users.count(), 1)
    await users.insertMany([{ id: 'e' }, { id: 'f' }])
    await users.put({ id: 'a', mail: 'a@x', n: 1 })
    await rejects(users.update('e', { $set: { mail: 'a@x' } }), 'conflict', 'unique')
    equal((await users.get('e'))?.mail, undefined)
    await users.delete('a')
    await users.update('e', { $set: { mail: 'a@x' } })
    await rejects(db.collection('users').createIndex({ fields: 'other', name: 'mail' }), 'conflict', 'index-differs')
  }),

  claim('a unique index cannot be built over documents that violate it', async (db) => {
    const users = db.collection<{ id: string; mail: string }>('users')
    await users.insertMany([
      { id: 'a', mail: 'x' },
      { id: 'b', mail: 'x' },
    ])
    await rejects(users.createIndex({ fields: 'mail', unique: true }), 'conflict', 'unique')
    equal(await users.indexes(), [])
  }),
]
