/** Looking at a database while it works: what commits changed, what goes on, and faults that change meanwhile. */
import type { CommitEvent } from '../../src/index.js'
import { claim, equal, eventually, holds, rejects, type Claim } from './harness.js'

/** Those that changed documents: upkeep may come in between. */
const withDocuments = (heard: readonly CommitEvent[]) => heard.filter(({ documents }) => documents.length > 0)

export const inspection: Claim[] = [
  claim('every commit tells its documents, index entries, postings, and why a computed entry went', async (db) => {
    const notes = db.collection<{ id: string; tag: string; title: string }>('notes', {
      indexes: ['tag'],
      search: { title: 1 },
    })
    await notes.insert({ id: 'a', tag: 'sea', title: 'Tide' })
    const counted = db.cache('counts')
    await counted.compute('all', ({ collection }) => collection(notes).count())
    const heard: CommitEvent[] = []
    const stop = db.on('commit', (event) => heard.push(event))
    // It takes a moment until the engine tells.
    let tries = 0
    await eventually(async () => {
      await notes.put({ id: 'b', tag: 'hill', title: `Well ${tries++}` })
      return heard.length > 0
    }, 'a commit is told')
    await counted.compute('all', ({ collection }) => collection(notes).count())
    await notes.update('a', { $set: { tag: 'hill', title: 'Tides' } }, { durability: 'strict' })
    await notes.delete('b')
    await eventually(() => withDocuments(heard).at(-1)?.documents[0]?.gone === 1, 'the deletion is told')
    const [update, removal] = withDocuments(heard).slice(-2) as [CommitEvent, CommitEvent]
    equal(update.documents, [{ collection: 'notes', put: 1, gone: 0, putIds: ['a'], goneIds: [] }])
    equal(update.indexes, [{ collection: 'notes', index: 'tag', put: 1, gone: 1 }])
    equal(update.postings[0]?.collection, 'notes')
    holds(update.own && update.strict && update.bytes > 10, 'it is ours, and was to be strict')
    equal(removal.documents[0]?.goneIds, ['b'])
    const gone = heard.flatMap(({ invalidated }) => invalidated)
    equal(gone[0]?.cache, 'counts')
    holds(/notes/.test(gone[0]?.because ?? ''), `a reason: ${gone[0]?.because}`)
    stop()
    const before = heard.length
    await notes.put({ id: 'c', tag: 'sea', title: 'Quiet' })
    equal(heard.length, before)
  }),
  claim('messages are told by their topic, and topics and live queries are listed', async (db) => {
    const heard: CommitEvent[] = []
    db.on('commit', (event) => heard.push(event))
    const news = db.topic('news')
    await eventually(async () => {
      await news.publish(1)
      return heard.some(({ topics }) => topics.some(({ topic, messages }) => topic === 'news' && messages === 1))
    }, 'a message is told')
    const stop = db
      .collection('notes')
      .find({ n: { $gt: 1 } })
      .subscribe(() => undefined)
    await eventually(async () => (await db.inspect()).live.length === 1, 'the live query is listed')
    const now = await db.inspect()
    equal([now.live[0]?.op, now.live[0]?.collection], ['find', 'notes'])
    equal(now.topics[0]?.name, 'news')
    equal(now.jobs, [])
    stop()
    equal((await db.inspect()).live, [])
  }),
  {
    name: 'faults can be switched on and off while the database works',
    run: async ({ open }) => {
      const db = await open({ faults: {} })
      try {
        equal(db.canRehearse, true)
        const notes = db.collection('notes')
        await notes.put({ id: 'a' })
        await db.rehearse({ quota: 0 })
        await rejects(notes.put({ id: 'b', text: 'tide '.repeat(100) }), 'quota')
        await db.rehearse({})
        await notes.put({ id: 'b' })
        await db.rehearse({ latency: 200 })
        const begun = Date.now()
        await notes.put({ id: 'c' })
        holds(Date.now() - begun > 150, 'a slow disk is slow')
        await db.rehearse({})
        equal(await notes.count(), 3)
      } finally {
        await db.close()
      }
    },
  },
  claim('a database that was opened without faults refuses them', async (db) => {
    equal(db.canRehearse, false)
    await rejects(db.rehearse({ quota: 0 }), 'invalid')
    await rejects(db.rehearse({ quota: -1 }), 'invalid')
  }),
]
