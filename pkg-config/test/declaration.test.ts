/** Schemas, indexes, versions and migrations as a collection declares them, over a backend that a test plays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidewellError } from '../src/errors.js'
import type { CollectionOptions } from '../src/types/options.js'
import type { SchemaResult, StandardSchema } from '../src/types/schema.js'
import { ops, rejects, setUp, transactional } from './played.js'

const titled: StandardSchema<unknown, { id: string; title: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value): SchemaResult<{ id: string; title: string }> => {
      const { id, title } = value as { id: string; title?: unknown }
      return typeof title === 'string'
        ? { value: { id, title: title.trim() } }
        : { issues: [{ message: 'must be a string', path: ['title'] }] }
    },
  },
}

test('what a schema gives back is what is stored', async () => {
  const { fake, db } = setUp(() => ({ inserted: 1 }))
  const stored = await db.collection('a', { schema: titled }).insert({ id: 'x', title: ' padded ' } as never)
  assert.deepStrictEqual(stored, { id: 'x', title: 'padded' })
  assert.deepStrictEqual(fake.asked[0]?.['docs'], [{ id: 'x', title: 'padded' }])
})

test('a schema violation sends nothing and lists its issues', async () => {
  const { fake, db } = setUp(() => ({}))
  const error = await rejects(
    db.collection('a', { schema: titled }).insertMany([
      { id: 'x', title: '' },
      { id: 'y', title: 5 },
    ] as never),
    'invalid',
    'schema',
  )
  assert.match(error.message, /documents\[1\] "y" does not fit the schema: title: must be a string/)
  assert.deepStrictEqual(error.issues?.[0]?.path, ['title'])
  assert.equal(fake.asked.length, 0)
})

test('an update is validated before it is committed', async () => {
  const { fake, db } = setUp(
    transactional(({ op }) =>
      op === 'update' ? { matched: 1, modified: 1, ids: ['x'], docs: [{ id: 'x', title: 5 }] } : {},
    ),
  )
  await rejects(
    db.collection('a', { schema: titled }).update('x', { $set: { title: 5 as never } }),
    'invalid',
    'schema',
  )
  assert.deepStrictEqual(ops(fake), ['begin', 'update', 'rollback'])
})

test('an update whose result the schema changes stores what the schema gave back', async () => {
  const { fake, db } = setUp(
    transactional(({ op }) =>
      op === 'update' ? { matched: 1, modified: 1, ids: ['x'], docs: [{ id: 'x', title: ' t ' }] } : {},
    ),
  )
  assert.deepStrictEqual(await db.collection('a', { schema: titled }).update('x', { $set: { title: ' t ' } }), {
    matched: 1,
    modified: 1,
    inserted: 0,
    ids: ['x'],
  })
  assert.deepStrictEqual(
    fake.asked.filter(({ op }) => op === 'put').map(({ docs }) => docs),
    [[{ id: 'x', title: 't' }]],
  )
})

test('a refused update inside a transaction is undone in it', async () => {
  const { fake, db } = setUp(
    transactional(({ op }) => {
      if (op === 'find') return [{ id: 'x', title: 'old' }]
      return op === 'update' ? { matched: 1, modified: 1, inserted: 0, ids: ['x'], docs: [{ id: 'x', title: 5 }] } : {}
    }),
  )
  const notes = db.collection('a', { schema: titled })
  await db.transaction((tx) =>
    rejects(tx.collection(notes).updateMany({}, { $set: { title: 5 as never } }), 'invalid', 'schema'),
  )
  assert.deepStrictEqual(ops(fake), ['begin', 'find', 'update', 'put', 'commit'])
  assert.deepStrictEqual(fake.asked[3]?.['docs'], [{ id: 'x', title: 'old' }])
})

test('a declared index is ensured once, and calls wait for it', async () => {
  const { fake, db } = setUp(({ op }) => (op === 'ensure' ? { name: 'a', count: 0, version: 1, indexes: [] } : [null]))
  const options: CollectionOptions = { indexes: ['tag', ['done', 'due']] }
  db.collection('a', options)
  assert.equal(await db.collection('a', options).get('x'), null)
  assert.deepStrictEqual(ops(fake), ['ensure', 'getMany'])
  assert.deepStrictEqual(fake.asked[0]?.['indexes'], [
    { fields: ['tag'], name: 'tag' },
    { fields: ['done', 'due'], name: 'done,due' },
  ])
})

test('a refused declaration is what later calls reject with, until it is declared again', async () => {
  let refuse = true
  const { db } = setUp(({ op }) => {
    if (op === 'ensure' && refuse) throw new TidewellError('conflict', 'differs', { reason: 'index-differs' })
    return op === 'ensure' ? { name: 'a', count: 0, version: 1, indexes: [] } : []
  })
  const notes = db.collection('a', { indexes: ['tag'] })
  await rejects(notes.insert({ id: 'x' }), 'conflict', 'index-differs')
  await rejects(notes.find().toArray(), 'conflict', 'index-differs')
  refuse = false
  assert.deepStrictEqual(
    await db
      .collection('a', { indexes: ['tag'] })
      .find()
      .toArray(),
    [],
  )
})

test('bad collection options are refused at once', () => {
  const { db } = setUp(() => null)
  assert.throws(() => db.collection('a', { version: 0 }), /whole number from 1/)
  assert.throws(() => db.collection('a', { migrations: { 2: (doc) => doc } }), /need a version/)
  assert.throws(() => db.collection('a', { version: 2, migrations: { 3: (doc) => doc } }), /from 2 to 2/)
  assert.throws(() => db.collection(5 as never), /a name must be a string/)
})

test('documents of an older version are upgraded when read and in the background', async () => {
  const stored = new Map([
    ['a', { id: 'a', name: 'x' }],
    ['b', { id: 'b', name: 'y' }],
  ])
  const versions = new Map([
    ['a', 1],
    ['b', 1],
  ])
  let release: () => void = () => undefined
  const hold = new Promise<void>((resolve) => (release = resolve))
  const { fake, db } = setUp(
    transactional((command) => {
      const { op } = command
      if (op === 'ensure') return { name: 'n', count: 2, version: 1, indexes: [] }
      if (op === 'getMany') return { docs: [stored.get('a')], versions: [versions.get('a')] }
      if (op === 'outdated') {
        const old = [...stored.values()].filter(({ id }) => versions.get(id) !== 2)
        return hold.then(() => ({ docs: old, versions: old.map(() => 1), next: null }))
      }
      if (op === 'put') {
        for (const doc of command['docs'] as { id: string; name: string }[]) {
          stored.set(doc.id, doc)
          versions.set(doc.id, command['version'] as number)
        }
      }
      return op === 'count' ? stored.size : {}
    }),
  )
  const progress: string[] = []
  db.on('progress', ({ kind, state, done, total }) => progress.push(`${kind} ${state} ${done}/${total}`))
  const notes = db.collection('n', {
    version: 2,
    migrations: { 2: ({ id, name }) => ({ id, label: String(name).toUpperCase() }) },
  })
  assert.deepStrictEqual(await notes.get('a'), { id: 'a', label: 'X' }, 'read by id before the background is done')
  const counting = notes.count()
  release()
  assert.equal(await counting, 2)
  assert.deepStrictEqual(
    [...stored.values()],
    [
      { id: 'a', label: 'X' },
      { id: 'b', label: 'Y' },
    ],
  )
  assert.deepStrictEqual(progress, ['migration building 0/2', 'migration building 2/2', 'migration ready 2/2'])
  assert.deepStrictEqual(
    fake.asked.filter(({ op, version }) => op === 'ensure' && version === 2).length,
    1,
    'the catalog follows when all is done',
  )
})

test('a failing migration is what queries reject with; reading by another id still works', async () => {
  const { db } = setUp(
    transactional(({ op }) => {
      if (op === 'ensure') return { name: 'n', count: 1, version: 1, indexes: [] }
      return op === 'outdated' ? { docs: [{ id: 'a' }], versions: [1], next: null } : { docs: [null], versions: [null] }
    }),
  )
  const failed = new Promise<Error>((resolve) => db.on('error', resolve))
  const notes = db.collection('n', { version: 2, migrations: { 2: () => ({ id: 'other' }) } })
  await rejects(notes.count(), 'invalid')
  assert.match((await failed).message, /migrations\[2\] must keep the id/)
  assert.equal(await notes.get('a'), null)
})

test('code older than the stored version is refused', async () => {
  const { db } = setUp(() => ({ name: 'n', count: 1, version: 3, indexes: [] }))
  await rejects(db.collection('n', { version: 2 }).get('a'), 'conflict', 'version')
})
