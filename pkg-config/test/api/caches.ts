/** Claims about caches. */
import type { Invalidation } from '../../src/index.js'
import { cacheEdges } from './caches_edges.js'
import { clockOf, type Note, notesOf, pause } from './caches_support.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'

export const caches: readonly Claim[] = [
  claim('a value comes back as it went in, and is gone when deleted', async (db) => {
    const cache = db.cache('c')
    const value = { when: new Date(5), bytes: new Uint8Array([1, 2]), big: 7n, nested: [null, 'x'] }
    await cache.set('k', value)
    equal(await cache.get('k'), value)
    equal(cache.peek('k'), value)
    equal(await cache.delete('k'), true)
    equal([await cache.get('k'), cache.peek('k'), await cache.delete('k')], [undefined, undefined, false])
  }),

  claim('bad names, keys, values and options are refused with what is wrong', async (db) => {
    const cache = db.cache('c', { maxBytes: 2000 })
    await rejects(cache.set('', 1), 'invalid')
    await rejects(cache.set('k'.repeat(600), 1), 'invalid')
    await rejects(cache.set('k', undefined), 'invalid')
    await rejects(
      cache.set('k', () => 1),
      'invalid',
    )
    await rejects(cache.set('k', 'x'.repeat(3000)), 'invalid', 'too-large')
    await rejects(cache.set('k', 1, { ttl: -1 }), 'invalid')
    await rejects((async () => db.cache('d', { maxBytes: Number.NaN }))(), 'invalid')
    await rejects((async () => db.cache(''))(), 'invalid')
    equal(await cache.get('k'), undefined)
  }),

  claim('a loader runs once for all who ask at once, and not again', async (db) => {
    const cache = db.cache<number>('c')
    let loads = 0
    const load = async () => {
      await pause(5)
      return ++loads
    }
    equal(await Promise.all([1, 2, 3, 4].map(() => cache.get('k', load))), [1, 1, 1, 1])
    equal([await cache.get('k', load), loads], [1, 1])
    const { hits, misses, loads: counted } = await cache.stats()
    equal([hits.memory, misses, counted], [1, 4, 1])
  }),

  claim('a failing loader fails for everybody, and nothing is kept of it', async (db) => {
    const cache = db.cache('c', { loadTimeout: 30 })
    const fail = async () => {
      await pause(2)
      throw new Error('down')
    }
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => cache.get('k', fail)))
    equal(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    )
    await rejects(
      cache.get('k', () => new Promise(() => undefined)),
      'unavailable',
      'load-timeout',
    )
    equal(await cache.get('k', () => 'up'), 'up')
  }),

  claim('nothing found and failures are remembered as long as asked', async (db) => {
    const { time, clock } = clockOf()
    const cache = db.cache('c', { negativeTtl: 1000, clock })
    let loads = 0
    const nothing = () => {
      loads++
      return undefined
    }
    equal([await cache.get('k', nothing), await cache.get('k', nothing), loads], [undefined, undefined, 1])
    const fail = () => {
      loads++
      throw new Error('down')
    }
    for (let n = 0; n < 3; n++) equal((await Promise.allSettled([cache.get('f', fail)]))[0]?.status, 'rejected')
    equal(loads, 2)
    time.monotonic += 1001
    equal([await cache.get('k', () => 1), await cache.get('f', () => 2)], [1, 2])
  }),

  claim('values expire by time, sliding ones when they are not used, whatever the wall clock does', async (db) => {
    const { time, clock } = clockOf()
    const cache = db.cache('c', { clock })
    await cache.set('ttl', 1, { ttl: 100 })
    await cache.set('sliding', 2, { sliding: 100 })
    time.monotonic = 60
    time.wall -= 1_000_000
    equal([await cache.get('ttl'), await cache.get('sliding')], [1, 2])
    time.monotonic = 120
    time.wall += 5_000_000
    equal([await cache.get('ttl'), await cache.get('sliding')], [undefined, 2])
    time.monotonic = 300
    equal([await cache.get('sliding'), cache.peek('ttl')], [undefined, undefined])
  }),

  claim('an old value is served while a new one is loaded, and when loading fails', async (db) => {
    const { time, clock } = clockOf()
    const cache = db.cache<string>('c', { ttl: 100, staleWhileRevalidate: 50, staleIfError: 500, clock })
    await cache.set('k', 'old')
    time.monotonic = 120
    equal(await cache.get('k', () => 'new'), 'old')
    await eventually(() => cache.peek('k') === 'new', 'the new value is there')
    time.monotonic = 400
    const fail = () => {
      throw new Error('down')
    }
    equal(await cache.get('k', fail), 'new')
    time.monotonic = 2000
    equal((await Promise.allSettled([cache.get('k', fail)]))[0]?.status, 'rejected')
  }),

  claim('values with a tag go together', async (db) => {
    const cache = db.cache<number>('c')
    await cache.set('a', 1, { tags: ['x', 'y'] })
    await cache.set('b', 2, { tags: ['y'] })
    await cache.set('c', 3)
    equal(await cache.invalidateTags('x'), 1)
    equal([await cache.get('a'), await cache.get('b')], [undefined, 2])
    equal(await cache.invalidateTags('y', 'none'), 1)
    equal([cache.peek('b'), await cache.get('c')], [undefined, 3])
    await cache.clear()
    equal([await cache.get('c'), (await cache.stats()).disk], [undefined, { entries: 0, bytes: 0 }])
  }),

  claim('many entries are read in one step and written in one commit', async (db) => {
    const cache = db.cache<number>('c')
    await cache.set('old', 0)
    const removed = await cache.write({
      set: [
        { key: 'a', value: 1 },
        { key: 'b', value: 2, tags: ['t'], ttl: 60_000 },
        { key: 'a', value: 3 },
      ],
      delete: ['old', 'none', 'b'],
    })
    equal(removed, 1)
    equal(await cache.getMany(['b', 'old', 'a', 'b']), [2, undefined, 3, 2])
    equal([await cache.invalidateTags('t'), await cache.getMany([])], [1, []])
    equal(await cache.write({}), 0)
    await rejects(cache.write({ set: [{ key: 'x', value: undefined as never }] }), 'invalid')
    await rejects(
      cache.write({
        set: [
          { key: 'y', value: 1 },
          { key: '', value: 1 },
        ],
      }),
      'invalid',
    )
    await rejects(cache.getMany('a' as never), 'invalid')
    equal(await cache.get('y'), undefined)
  }),

  claim('entries are listed in the order of their keys, by prefix, without those that have expired', async (db) => {
    const { time, clock } = clockOf()
    const cache = db.cache<{ n: number; at: Date }>('c', { clock })
    const at = new Date(5)
    await cache.write({
      set: Array.from({ length: 600 }, (_, n) => ({ key: `k${String(n).padStart(3, '0')}`, value: { n, at } })),
    })
    await cache.write({
      set: [
        { key: 'j', value: { n: -1, at }, ttl: 100 },
        { key: 'l', value: { n: -2, at } },
      ],
    })
    const list = async (prefix?: string) => {
      const found: [string, number][] = []
      for await (const [key, value] of cache.entries({ prefix })) {
        equal(value.at, at)
        found.push([key, value.n])
      }
      return found
    }
    const all = await list()
    equal([all.length, all[0], all[1], all[601]], [602, ['j', -1], ['k000', 0], ['l', -2]])
    equal(
      await list('k59'),
      Array.from({ length: 10 }, (_, n) => [`k59${n}`, 590 + n]),
    )
    time.monotonic = 200
    equal([(await list()).length, await list('none')], [601, []])
  }),

  claim('the budget holds in storage and in memory, and what is used stays', async (db) => {
    const cache = db.cache<string>('c', { maxBytes: 10_000, memoryBytes: 4_000 })
    for (let n = 0; n < 10; n++) await cache.set(`hot${n}`, 'x'.repeat(100))
    for (let n = 0; n < 200; n++) {
      await cache.set(`scan${n}`, 'x'.repeat(100))
      for (let hot = 0; hot < 10; hot++) await cache.get(`hot${hot}`)
    }
    const { disk, memory, evictions } = await cache.stats()
    holds(disk.bytes <= 10_000 && memory.bytes <= 4_000, `${disk.bytes} and ${memory.bytes} bytes`)
    holds(evictions.disk > 100 && evictions.memory > 100, `${evictions.disk} and ${evictions.memory} evictions`)
    const kept = await Promise.all(Array.from({ length: 10 }, (_, hot) => cache.get(`hot${hot}`)))
    equal(kept.filter((value) => value !== undefined).length, 10)
  }),

  claim('a computed value goes with the commit that changes what it read, and only then', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache('views')
    let runs = 0
    const sum = () =>
      cache.compute('sea', async ({ collection }) => {
        runs++
        return (await collection<Note>('notes').find({ tag: 'sea' }).toArray()).reduce((all, { n }) => all + n, 0)
      })
    equal([await sum(), await sum(), runs], [3, 3, 1])
    await notes.update('c', { $set: { n: 30 } })
    equal([await sum(), runs], [3, 1])
    await notes.update('a', { $set: { n: 10 } })
    equal(cache.peek('sea'), undefined)
    equal([await sum(), runs], [12, 2])
    await notes.update('c', { $set: { tag: 'sea' } })
    equal([await sum(), runs], [42, 3])
    await db.transaction(async (tx) => void (await tx.collection(notes).delete('b')))
    equal([await sum(), runs], [40, 4])
    await db.dropCollection('notes')
    equal([await sum(), runs], [0, 5])
    const { last } = await cache.stats()
    holds(
      last.some(({ reason }) => reason === 'changed: notes/a'),
      JSON.stringify(last),
    )
  }),

  claim('why an entry went is told: the document, the query or the entry, and the commit', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache<unknown>('views')
    const heard: Invalidation[] = []
    const stop = await cache.subscribe((invalidation) => heard.push(invalidation))
    await cache.compute('one', ({ collection }) => collection(notes).get('a'))
    await cache.compute('query', ({ collection }) => collection(notes).count({ tag: 'sea' }))
    await cache.compute('over', async ({ cache: inner }) => inner('views').get('one'))
    const { position } = (await db.transaction(async (tx) =>
      tx.collection(notes).update('a', { $set: { tag: 'x' } }),
    )) as {
      position?: number
    }
    await cache.set('plain', 1, { tags: ['t'] })
    await cache.invalidateTags('t')
    await eventually(() => heard.length === 4, 'all are told')
    const of = (key: string) => heard.find((one) => one.key === key)
    equal(of('one')?.cause, { kind: 'document', collection: 'notes', id: 'a' })
    equal(of('query')?.cause, { kind: 'query', collection: 'notes', ids: ['a'] })
    equal(of('over')?.cause, { kind: 'entry', cache: 'views', key: 'one' })
    equal([of('plain')?.cause, of('plain')?.reason], [{ kind: 'removed' }, 'deleted or evicted'])
    equal(of('query')?.position, of('one')?.position)
    holds(position === undefined || of('one')?.position === position, 'the position is the commit')
    stop()
    await cache.set('plain', 2)
    await cache.delete('plain')
    equal([heard.length, (await cache.stats()).last.length], [4, 5])
  }),

  claim('a search inside a computation is followed, also while its index is being built', async (db) => {
    await notesOf(db)
    const notes = db.collection<Note>('notes', { search: ['tag'] })
    const others = db.collection<{ id: string; n: number }>('others')
    const cache = db.cache<readonly string[]>('views')
    let runs = 0
    const found = () =>
      cache.compute('sea', async ({ collection }) => {
        runs++
        return (await collection(notes).search('sea')).hits.map(({ id }) => id).sort()
      })
    equal(await found(), ['a', 'b'])
    const first = runs
    await others.insert({ id: 'x', n: 1 })
    equal([await found(), runs], [['a', 'b'], first])
    await notes.update('c', { $set: { tag: 'sea' } })
    equal(cache.peek('sea'), undefined)
    equal([await found(), runs], [['a', 'b', 'c'], first + 1])
    await notes.delete('a')
    equal([await found(), runs], [['b', 'c'], first + 2])
    const heard = await cache.compute('heard', () => notes.search('sea').then(({ hits }) => hits.map(({ id }) => id)))
    await notes.delete('b')
    equal([[...heard].sort(), cache.peek('heard')], [['b', 'c'], undefined])
    await rejects(
      cache.compute('none', async ({ collection }) => (await collection(others).search('x')).hits.map(({ id }) => id)),
      'invalid',
      'no-search-index',
    )
  }),

  claim('of sorted and limited matches only what shows counts', async (db) => {
    const notes = db.collection<Note>('notes', { indexes: ['n'] })
    await notes.insertMany(Array.from({ length: 20 }, (_, n) => ({ id: `n${n}`, tag: 'sea', n: n * 10 })))
    const cache = db.cache<readonly string[]>('views')
    let runs = 0
    const window = (skip: number) =>
      cache.compute(`window ${skip}`, async ({ collection }) => {
        runs++
        const top = collection(notes).find({ tag: 'sea' }).sort({ n: -1 }).skip(skip).limit(3)
        return (await top.toArray()).map(({ id, n }) => `${id}:${n}`)
      })
    equal(
      [await window(0), await window(2)],
      [
        ['n19:190', 'n18:180', 'n17:170'],
        ['n17:170', 'n16:160', 'n15:150'],
      ],
    )
    await notes.insert({ id: 'low', tag: 'sea', n: 1 })
    await notes.update('n5', { $set: { n: 51 } })
    await notes.delete('n4')
    await notes.insert({ id: 'hill', tag: 'hill', n: 999 })
    equal([cache.peek('window 0')?.length, cache.peek('window 2')?.length, runs], [3, 3, 2])
    await notes.update('n19', { $set: { n: 191 } })
    equal([await window(0), cache.peek('window 2')?.length, runs], [['n19:191', 'n18:180', 'n17:170'], 3, 3])
    await notes.update('n5', { $set: { n: 1000 } })
    equal(
      [await window(0), await window(2)],
      [
        ['n5:1000', 'n19:191', 'n18:180'],
        ['n18:180', 'n17:170', 'n16:160'],
      ],
    )
    await notes.delete('n16')
    equal([cache.peek('window 0')?.length, await window(2)], [3, ['n18:180', 'n17:170', 'n15:150']])
  }),

  claim('documents by id, also missing ones, and counts are followed exactly', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache('views')
    let runs = 0
    const view = () =>
      cache.compute('v', async ({ collection }) => {
        runs++
        const inside = collection(notes)
        return [(await inside.get('a'))?.n, (await inside.get('z'))?.n, await inside.count({ tag: 'hill' })]
      })
    await view()
    await notes.update('c', { $inc: { n: 1 } })
    await notes.update('b', { $inc: { n: 1 } })
    equal([await view(), runs], [[1, undefined, 1], 1])
    await notes.insert({ id: 'z', tag: 'sea', n: 26 })
    equal([await view(), runs], [[1, 26, 1], 2])
    await notes.update('b', { $set: { tag: 'hill' } })
    equal([await view(), runs], [[1, 26, 2], 3])
  }),

  claim('a computation without a parameter counts what this tab reads meanwhile', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache('views')
    let runs = 0
    const top = () =>
      cache.compute('top', () => {
        runs++
        return notes.aggregate([{ $group: { _id: '$tag', n: { $sum: '$n' } } }, { $sort: { _id: 1 } }])
      })
    equal(await top(), [
      { _id: 'hill', n: 3 },
      { _id: 'sea', n: 3 },
    ])
    await top()
    equal(runs, 1)
    await notes.update('a', { $set: { n: 5 } })
    equal(await top(), [
      { _id: 'hill', n: 3 },
      { _id: 'sea', n: 7 },
    ])
  }),

  claim('chains and diamonds are invalidated as a whole, and computed once', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache<number>('views')
    const runs: string[] = []
    const base = (watch: { collection: (of: typeof notes) => typeof notes }) => {
      runs.push('base')
      return watch.collection(notes).count({ tag: 'sea' })
    }
    const top = () =>
      cache.compute('top', async (watch) => {
        runs.push('top')
        const views = watch.cache<number>('views')
        const left = await views.compute('left', async (inner) => {
          runs.push('left')
          return 10 * (await inner.cache<number>('views').compute('base', base))
        })
        const right = await views.compute('right', async (inner) => {
          runs.push('right')
          return 100 * (await inner.cache<number>('views').compute('base', base))
        })
        return left + right
      })
    equal([await top(), runs], [220, ['top', 'left', 'base', 'right']])
    equal([await cache.get('base'), await cache.get('left'), await cache.get('right')], [2, 20, 200])
    await notes.delete('a')
    equal(
      [await cache.get('base'), await cache.get('right'), await cache.get('top')],
      [undefined, undefined, undefined],
    )
    equal(await top(), 110)
    await cache.delete('left')
    equal([await cache.get('top'), await cache.get('right')], [undefined, 100])
    equal(await top(), 110)
  }),

  claim('a computation that asks for itself is told so, and one that writes is refused', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache<number>('views')
    const ask: Parameters<typeof cache.compute<number>>[1] = ({ cache: inner }) =>
      inner<number>('views').compute('other', ({ cache: again }) => again<number>('views').compute('self', ask))
    await rejects(cache.compute('self', ask), 'invalid', 'cycle')
    await rejects(
      cache.compute('alone', () => cache.compute('alone', () => 1)),
      'invalid',
      'cycle',
    )
    await rejects(
      cache.compute('writes', async ({ collection }) => {
        await collection(notes).insert({ id: 'w', tag: 'x', n: 0 })
        return 1
      }),
      'invalid',
    )
    await rejects(
      cache.compute(
        'fails',
        async ({ collection }) =>
          (
            await collection(notes)
              .find({ n: { $bad: 1 } } as never)
              .toArray()
          ).length,
      ),
      'invalid',
    )
    equal(await notes.count(), 3)
    equal(await cache.compute('self', () => 5), 5)
  }),

  claim('a commit between the reads of a computation and its storing leaves nothing stale', async (db) => {
    const notes = await notesOf(db)
    const cache = db.cache<number>('views')
    let writes = 0
    const sum = () =>
      cache.compute('sum', async ({ collection }) => {
        const n = (await collection(notes).get('a'))?.n ?? 0
        if (writes++ < 2) await notes.update('a', { $inc: { n: 100 } })
        return n
      })
    equal(await sum(), 201)
    equal([await sum(), cache.peek('sum')], [201, 201])
    let always = 0
    const busy = await cache.compute('busy', async ({ collection }) => {
      const n = (await collection(notes).get('b'))?.n ?? 0
      await notes.update('b', { $set: { n: 100 + ++always } })
      return n
    })
    holds(busy >= 2, 'it answers what it saw')
    equal([cache.peek('busy'), await cache.get('busy')], [undefined, undefined])
  }),
  ...cacheEdges,
]
