/** News of commits as listeners hear them: with names, in order, and only while somebody listens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommitNews } from '../src/backend.js'
import type { CommitEvent } from '../src/types/inspection.js'
import { ops, setUp } from './played.js'

const news = (position: number, changes: Partial<CommitNews>): CommitNews => ({
  kind: 'commit',
  position,
  own: true,
  strict: false,
  bytes: 10,
  documents: [],
  indexes: [],
  postings: [],
  caches: [],
  topics: [],
  catalog: 0,
  jobs: 0,
  outbox: [0, 0],
  edits: 0,
  other: 0,
  ...changes,
})
const NAMES = { collections: [[1, 'notes', [[2, 'tag']]]], topics: [[3, 'news']], caches: [[4, 'counts']] }
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

function listening() {
  const { fake, db } = setUp(({ op }) => (op === 'names' ? NAMES : {}))
  const heard: CommitEvent[] = []
  const stop = db.on('commit', (event) => heard.push(event))
  return { fake, heard, stop }
}

test('commits are told in order with names, which are looked up once', async () => {
  const { fake, heard } = listening()
  await settled()
  fake.emit(news(1, { documents: [[1, 1, 0, ['a'], []]] }))
  fake.emit(news(2, { indexes: [[1, 2, 1, 1]] }))
  await settled()
  fake.emit(news(3, { topics: [[3, 2, 5]], outbox: [2, 1] }))
  assert.deepStrictEqual(
    heard.map(({ position }) => position),
    [1, 2, 3],
  )
  assert.deepStrictEqual(heard[0]?.documents, [{ collection: 'notes', put: 1, gone: 0, putIds: ['a'], goneIds: [] }])
  assert.deepStrictEqual(heard[1]?.indexes, [{ collection: 'notes', index: 'tag', put: 1, gone: 1 }])
  assert.deepStrictEqual(heard[2]?.topics, [{ topic: 'news', messages: 2, other: 5 }])
  assert.deepStrictEqual(heard[2]?.outbox, { put: 2, gone: 1 })
  assert.deepStrictEqual(ops(fake), ['inspect', 'names'])
})

test('what was dropped meanwhile is called by its number', async () => {
  const { fake, heard } = listening()
  await settled()
  fake.emit(news(1, { postings: [[77, 1, 0]] }))
  await settled()
  assert.equal(heard[0]?.postings[0]?.collection, '#77')
})

test('the reason why a cache entry went is told with the commit that removed it', async () => {
  const { fake, heard } = listening()
  await settled()
  const why = [[4, 'all', 'query', 'notes', 'a', 'b']] as const
  fake.emit({ kind: 'cache', position: 5, own: true, put: [], gone: [[4, 'all']], because: [], why })
  fake.emit(news(5, { caches: [[4, 0, 1]] }))
  fake.emit(news(6, { caches: [[4, 1, 0]] }))
  await settled()
  assert.deepStrictEqual(heard[0]?.invalidated, [
    { cache: 'counts', key: 'all', because: 'a query of notes read a, b' },
  ])
  assert.deepStrictEqual(heard[1]?.invalidated, [])
})

test('the engine is told when nobody listens any more, and asked again by the next', async () => {
  const { fake, heard, stop } = listening()
  await settled()
  stop()
  fake.emit(news(1, {}))
  fake.emit(news(2, {}))
  await settled()
  assert.equal(heard.length, 0)
  assert.deepStrictEqual(
    fake.asked.map(({ op, on }) => [op, on]),
    [
      ['inspect', true],
      ['inspect', false],
    ],
  )
})
