/** Validation by a Standard Schema, and migrations between versions. */
import type { SchemaResult, StandardSchema } from '../../src/index.js'
import { claim, equal, fill, rejects, type Claim } from './harness.js'

interface Task {
  id: string
  title: string
  due: Date
}

/** A small validator of the Standard Schema interface: trims titles, reads dates, may be asynchronous. */
function taskSchema(asynchronous: boolean): StandardSchema<{ id?: string; title: string; due: string | Date }, Task> {
  const validate = (value: unknown): SchemaResult<Task> => {
    const { id, title, due } = value as { id: string; title?: unknown; due?: unknown }
    const date = new Date(due as string)
    const issues = [
      ...(typeof title === 'string' && title.trim() !== '' ? [] : [{ message: 'needs a text', path: ['title'] }]),
      ...(Number.isNaN(date.getTime()) ? [{ message: 'needs a date', path: ['due'] }] : []),
    ]
    return issues.length > 0 ? { issues } : { value: { id, title: (title as string).trim(), due: date } }
  }
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => (asynchronous ? Promise.resolve(validate(value)) : validate(value)),
    },
  }
}

export const schemas: Claim[] = [
  ...[false, true].map((asynchronous) =>
    claim(`a schema (${asynchronous ? 'asynchronous' : 'synchronous'}) shapes and guards every write`, async (db) => {
      const tasks = db.collection('tasks', { schema: taskSchema(asynchronous) })
      const stored = await tasks.insert({ id: 'a', title: ' Pump ', due: '2026-01-02T00:00:00Z' })
      equal(stored, { id: 'a', title: 'Pump', due: new Date('2026-01-02T00:00:00Z') })
      equal(await tasks.get('a'), stored)
      const error = await rejects(
        tasks.insertMany([
          { title: 'ok', due: '2026-01-01' },
          { id: 'bad', title: ' ', due: 'never' },
        ]),
        'invalid',
        'schema',
      )
      equal(
        error.issues?.map(({ path }) => path?.[0]),
        ['title', 'due'],
      )
      await rejects(tasks.put({ id: 'a', title: '', due: '2026-01-01' }), 'invalid', 'schema')
      await rejects(tasks.update('a', { $set: { title: '' } }), 'invalid', 'schema')
      await rejects(tasks.updateMany({}, { $unset: { due: true } }), 'invalid', 'schema')
      equal(await tasks.find().toArray(), [stored])
      await tasks.update('a', { $set: { title: ' Sluice ' } })
      equal((await tasks.get('a'))?.title, 'Sluice')
      await db.transaction(async (tx) => {
        await rejects(tx.collection(tasks).update('a', { $set: { title: '' } }), 'invalid', 'schema')
        await rejects(
          tx.collection(tasks).update('new', { $set: { title: '' } }, { upsert: true }),
          'invalid',
          'schema',
        )
      })
      equal(await tasks.find().toArray(), [{ ...stored, title: 'Sluice' }])
    }),
  ),
]

export const migrations: Claim[] = [
  claim('documents of an older version are upgraded', async (db, { persistent, reopen }) => {
    const old = db.collection('notes', { version: 1 })
    await fill(old, 450, (at) => ({ id: `n${at}`, name: `note ${at}` }))
    const next = persistent ? await reopen(db) : db
    try {
      const progress: string[] = []
      next.on('progress', ({ kind, state }) => progress.push(`${kind} ${state}`))
      const notes = next.collection<{ id: string; title: string; words: number }>('notes', {
        version: 3,
        migrations: {
          2: ({ id, name }) => ({ id, title: name }),
          3: async (note) => ({ ...note, words: String(note['title']).split(' ').length }),
        },
      })
      equal(await notes.get('n7'), { id: 'n7', title: 'note 7', words: 2 })
      equal(await notes.count({ words: 2 }), 450)
      equal(progress.at(-1), 'migration ready')
      await notes.insert({ id: 'new', title: 'x', words: 1 })
      equal((await next.collections()).find(({ name }) => name === 'notes')?.version, 3)
      await rejects(next.collection('notes', { version: 2 }).get('n1'), 'conflict', 'version')
    } finally {
      if (next !== db) await next.close()
    }
  }),

  claim(
    'documents of a dropped collection do not come back as older ones, nor are new ones migrated twice',
    async (db) => {
      const options = { version: 2, migrations: { 2: (note: object) => ({ ...note, migrated: true }) } }
      const notes = db.collection('notes', options)
      await notes.insert({ id: 'a', cents: 500 })
      await db.dropCollection('notes')
      await notes.insert({ id: 'b', cents: 700 })
      equal(await db.collection('notes', options).find().toArray(), [{ id: 'b', cents: 700 }])
    },
  ),

  claim('a backup of an older version is migrated where it is imported', async (db, { open }) => {
    const options = { version: 2, migrations: { 2: (note: object) => ({ ...note, migrated: true }) } }
    const from = await open()
    try {
      await from.collection('notes', { version: 1 }).insert({ id: 'old' })
      const notes = db.collection('notes', options)
      await notes.insert({ id: 'new' })
      await db.import(from.export())
      equal(await notes.find({ migrated: true }).toArray(), [{ id: 'old', migrated: true }])
      equal(await notes.count(), 2)
      equal((await db.collections())[0]?.version, 2)
    } finally {
      await from.close()
    }
  }),
]
