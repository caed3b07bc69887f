/** Faults on purpose: what an application sees when storage goes wrong as it asked for. */
import type { Database, FaultOptions } from '../../src/index.js'
import { equal, eventually, holds, rejects, type Claim, type Context } from './harness.js'

/** Writes documents one after another until one is refused, at most `count`; answers the ids that were acknowledged and why it ended. */
async function writeUntilRefused(db: Database, count: number): Promise<{ ids: string[]; error: unknown }> {
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    try {
      await db.collection('notes').put({ id: `n${n}`, n, text: 'tide '.repeat(40) })
    } catch (error) {
      return { ids, error }
    }
    ids.push(`n${n}`)
  }
  return { ids, error: undefined }
}

/** Opens with faults, works, and looks whether everything acknowledged is there when it is opened again without. */
async function rehearse({ open, reopen }: Context, faults: FaultOptions, work: (db: Database) => Promise<string[]>) {
  const calm = await open()
  await calm.close()
  const db = await reopen(calm, { faults })
  const acknowledged = await work(db)
  await db.close().catch(() => undefined)
  const again = await reopen(calm)
  try {
    const found = await again.collection('notes').getMany(acknowledged)
    equal(found.filter((note) => note === null).length, 0, 'acknowledged and lost')
  } finally {
    await again.close()
  }
}

export const faults: Claim[] = [
  {
    name: 'a full disk can be rehearsed: writes are refused with quota, reading goes on',
    run: async ({ open }) => {
      const db = await open({ faults: { quota: 40_000 } })
      try {
        let told = 0
        db.on('quota', () => told++)
        const { ids, error } = await writeUntilRefused(db, 2000)
        equal((error as { code?: string }).code, 'quota')
        holds(ids.length > 20, 'what fits is taken')
        await eventually(() => told > 0, 'the event tells')
        equal(await db.collection('notes').count(), ids.length)
        equal((await db.collection('notes').get('n3'))?.['n'], 3)
      } finally {
        await db.close()
      }
    },
  },
  {
    name: 'rehearsed interruptions are retried, and nothing acknowledged is lost',
    run: async (context) => {
      if (!context.persistent) return
      const oneIn = { operations: 8, faults: ['interrupted', 'connection-lost'] as const }
      await rehearse(context, { seed: 3, oneIn, latency: 1 }, async (db) => {
        let met = 0
        db.on('fault', () => met++)
        const ids: string[] = []
        for (let n = 0; n < 100; n++) {
          const put = db.collection('notes').put({ id: `n${n}`, n })
          await put.then(
            () => ids.push(`n${n}`),
            (error: { code?: string }) => equal(error.code, 'unavailable'),
          )
        }
        holds(met > 5 && ids.length > 50, `faults were met and writes went through: ${met}, ${ids.length}`)
        return ids
      })
    },
  },
  {
    name: 'a rehearsed crash ends the instance, and what was acknowledged is there afterwards',
    run: async (context) => {
      if (!context.persistent) return
      await rehearse(context, { at: { 30: 'crash-kill' } }, async (db) => {
        const seen: string[] = []
        db.on('fault', (event) => seen.push(event.fault))
        const { ids, error } = await writeUntilRefused(db, 500)
        equal((error as { code?: string }).code, 'internal')
        await rejects(db.collection('notes').count(), 'internal')
        equal(seen, ['crash-kill'])
        return ids
      })
    },
  },
  {
    name: 'live queries are told when the engine dies, and a query that is ended then ends quietly',
    run: async ({ open }) => {
      const db = await open({ faults: { at: { 12: 'crash-kill' } } })
      try {
        const told: string[] = []
        const notes = db.collection('notes')
        db.on('error', (error) => told.push(`event ${error.code}`))
        notes
          .find()
          .subscribe(() => undefined, { onError: (error) => told.push(`query ${(error as { code?: string }).code}`) })
        const stop = notes.find().subscribe(() => undefined)
        const watching = (async () => {
          for await (const _ of notes.find().live());
        })()
        await writeUntilRefused(db, 500)
        await rejects(watching, 'internal')
        stop()
        equal(told.sort(), ['event internal', 'query internal'])
        await rejects(notes.count(), 'internal')
      } finally {
        await db.close()
      }
    },
  },
  {
    name: 'a write that finds the storage gone tells that it is lost, and nothing is read any more',
    run: async ({ open }) => {
      const db = await open({ faults: { at: { 12: 'cleared' } } })
      try {
        let told = 0
        db.on('storage-lost', () => told++)
        const { error } = await writeUntilRefused(db, 500)
        equal((error as { code?: string }).code, 'storage-lost')
        await eventually(() => told === 1, 'the event tells once')
        await rejects(Promise.resolve(db.collection('notes').get('n0')), 'storage-lost')
      } finally {
        await db.close()
      }
    },
  },
  {
    name: 'faults that make no sense are refused',
    run: async ({ open }) => {
      const odd: unknown[] = [
        7,
        { seed: -1 },
        { at: { 0: 'quota' } },
        { at: { 3: 'fire' } },
        { oneIn: { operations: 5, faults: [] } },
        { oneIn: { operations: 0, faults: ['hang'] } },
        { quota: 1.5 },
        { latency: -1 },
      ]
      for (const one of odd) await rejects(open({ faults: one as FaultOptions }), 'invalid')
    },
  },
]
