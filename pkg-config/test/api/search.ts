/** Full-text search: declared with the collection, in step with every write. */
import { claim, equal, eventually, holds, rejects } from './harness.js'

interface Note {
  id: string
  title: string
  body: string
  tag: string[]
  n: number
}

const notes: Note[] = [
  { id: 'a', title: 'Tide tables', body: 'low water at noon', tag: ['sea', 'moon'], n: 1 },
  { id: 'b', title: 'Hill walks', body: 'no water on the way up', tag: ['hill'], n: 2 },
  { id: 'c', title: 'Tides of the moon', body: 'the tide follows the moon', tag: ['sea'], n: 3 },
]
const search = { title: 3, body: { weight: 1, analyzer: 'english' } } as const

export const searches = [
  claim('a search finds the best first, and what was just written', async (db) => {
    const collection = db.collection<Note>('notes', { search })
    await collection.insertMany(notes)
    const found = await collection.search('tide moon')
    equal(found.hits[0]?.doc, notes[2])
    holds((found.hits[0]?.score ?? 0) > (found.hits[1]?.score ?? 0), 'scores descend')
    await collection.update('b', { $set: { title: 'tide tide tide' } })
    await collection.delete('c')
    const ids = (await collection.search('tide')).hits.map(({ id }) => id)
    equal(ids, ['b', 'a'])
  }),
  claim('words may be typed in part or wrong, and documents filtered, counted and sorted', async (db) => {
    const collection = db.collection<Note>('notes', { search })
    await collection.insertMany(notes)
    const ids = async (...given: Parameters<typeof collection.search>) =>
      (await collection.search(...given)).hits.map(({ id }) => id)
    equal(await ids('tabels', { fuzzy: 1 }), ['a'])
    equal(await ids('wal', { prefix: 'last' }), ['b'])
    equal(await ids({ phrase: 'low water' }), ['a'])
    equal(await ids('water', { filter: { n: { $gt: 1 } } }), ['b'])
    equal(await ids('water tide', { sort: [['n', -1]] }), ['c', 'b', 'a'])
    const { facets, total } = await collection.search('water tide', { facets: ['tag'], limit: 1 })
    equal(facets?.['tag']?.[0], { value: 'sea', count: 2 })
    equal(total, 3)
  }),
  claim('a search declared later is filled in the background, and pages join', async (db) => {
    await db.collection<Note>('notes').insertMany(notes)
    const collection = db.collection<Note>('notes', { search: ['title', 'body'] })
    const first = await collection.search('tide water', { limit: 2 })
    const rest = await collection.search('tide water', { limit: 2, after: first.next ?? '' })
    equal([...first.hits, ...rest.hits].map(({ id }) => id).sort(), ['a', 'b', 'c'])
    equal(rest.next, null)
    holds(await collection.dropSearch(), 'there was an index')
    await rejects(collection.search('tide'), 'invalid', 'no-search-index')
  }),
  claim('a live search follows commits', async (db) => {
    const collection = db.collection<Note>('notes', { search })
    await collection.insertMany(notes)
    let seen: readonly string[] = []
    const stop = collection.subscribeSearch('moon', {}, ({ value }) => (seen = value.hits.map(({ id }) => id)))
    await eventually(() => seen.length === 1, 'the first result')
    await collection.update('b', { $set: { title: 'moon' } })
    await eventually(() => seen.length === 2, 'the changed result')
    stop()
  }),
]
