/** Claims about caches: what computations hear of them, what is served when loading fails, and the limits of what comes in. */
import { clockOf, type Note, notesOf, pause } from './caches_support.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'

export const cacheEdges: readonly Claim[] = [
  claim('a computation without a parameter follows the entries it reads, absent ones included', async (db) => {
    const base = db.cache<number>('base')
    const other = db.cache<number>('other')
    const views = db.cache('views')
    const runs: string[] = []
    const of = (name: string, read: () => unknown) => () =>
      views.compute(name, async () => {
        runs.push(name)
        return (await read()) ?? 'none'
      })
    const all = [
      of('get', () => base.get('k')),
      of('getMany', async () => (await base.getMany(['j', 'k']))[1]),
      of('peek', () => base.peek('k')),
      // Nothing of this cache is loaded yet.
      of('blind', () => other.peek('k')),
    ]
    const each = async () => {
      const answers: unknown[] = []
      for (const one of [...all, ...all]) answers.push(await one())
      equal(answers.slice(4), answers.slice(0, 4))
      return [...answers.slice(4), ...runs.splice(0)]
    }
    const names = ['get', 'getMany', 'peek', 'blind']
    equal(await each(), ['none', 'none', 'none', 'none', ...names])
    await base.write({ set: [{ key: 'k', value: 1 }] })
    await other.set('k', 10)
    equal(await each(), [1, 1, 1, 10, ...names])
    await base.set('k', 2)
    await other.delete('k')
    equal(await each(), [2, 2, 2, 'none', ...names])
    await base.delete('k')
    equal(await each(), ['none', 'none', 'none', 'none', 'get', 'getMany', 'peek'])
    await base.set('j', 1)
    equal([views.peek('get'), views.peek('getMany')], ['none', undefined])
  }),

  claim('to a computation an expired entry is absent, and one loaded inside it counts once', async (db) => {
    const { time, clock } = clockOf()
    const base = db.cache<number>('base', { clock, negativeTtl: 1000 })
    const views = db.cache('views')
    let runs = 0
    const ask = (name: string, read: () => Promise<unknown>) =>
      views.compute(name, async () => {
        runs++
        return [(await read()) ?? 'none']
      })
    await base.set('old', 1, { ttl: 100 })
    time.monotonic = 200
    const old = () => ask('old', () => base.get('old'))
    equal([await old(), await old(), runs], [['none'], ['none'], 1])
    await base.set('old', 2)
    equal([await old(), runs], [[2], 2])
    const loaded = () => ask('loaded', () => base.get('l', () => 5, { ttl: 100 }))
    equal([await loaded(), await loaded(), runs], [[5], [5], 3])
    const nothing = () => ask('nothing', () => base.get('n', () => undefined))
    equal([await nothing(), await nothing(), runs], [['none'], ['none'], 4])
    time.monotonic = 301
    equal([await loaded(), await nothing(), runs], [[5], ['none'], 5])
    time.monotonic = 1201
    equal([await nothing(), runs], [['none'], 6])
    await base.set('n', 6)
    equal([await nothing(), runs], [[6], 7])
  }),

  claim('what no commit takes back is computed once a call, and not kept', async (db) => {
    const notes = await notesOf(db)
    const base = db.cache<string>('base')
    const views = db.cache('views')
    await base.set('k', 'here')
    let runs = 0
    const over = (name: string, read: () => Promise<unknown>) => async () => {
      runs = 0
      const value = await views.compute(name, async () => {
        runs++
        return [(await read()) ?? 'none']
      })
      return [value, runs, views.peek(name)]
    }
    // Its value is not stored, and what it read is not told.
    const nested = over('nested', () =>
      base.compute('c', async ({ collection }) => (await collection<Note>('notes').get('z'))?.tag as string),
    )
    equal(await nested(), [['none'], 1, undefined])
    await notes.insert({ id: 'z', tag: 'new', n: 0 })
    equal(await nested(), [['new'], 1, ['new']])
    const loaded = over('loaded', () => base.get('l', () => undefined))
    equal(await loaded(), [['none'], 1, undefined])
    const failed = over('failed', () =>
      base
        .get('f', (): string => {
          throw new Error('down')
        })
        .catch(() => 'failed'),
    )
    equal(await failed(), [['failed'], 1, undefined])
    const list = async () => {
      const keys: string[] = []
      for await (const [key] of base.entries()) keys.push(key)
      return keys.join()
    }
    const listed = over('listed', list)
    equal(await listed(), [['c,k'], 1, undefined])
    const deep = over('deep', () => base.compute('d', () => list()))
    equal([await deep(), base.peek('d')], [[['c,k'], 1, undefined], undefined])
  }),

  claim('a computed value expires no later than those computed inside it', async (db) => {
    const { time, clock } = clockOf()
    const views = db.cache<unknown>('views', { clock })
    let n = 0
    const outer = () =>
      views.compute('outer', async ({ cache }) => {
        const inside = cache('views')
        const first = await inside.compute('ttl', ({ cache: _ }) => ++n, { ttl: 50 })
        return [first, await inside.compute('ttl', ({ cache: _ }) => ++n)]
      })
    const again = () =>
      views.compute('again', async ({ cache }) => {
        const left = await cache('views').compute('left', async (watch) => {
          await watch.cache('views').compute('deep', ({ cache: _ }) => ++n, { sliding: 70 })
          return 'left'
        })
        // Computed just now, and read once more.
        const right = await cache('views').compute('right', (watch) => watch.cache('views').get('deep'))
        return [left, right]
      })
    equal(
      [await outer(), await again()],
      [
        [1, 1],
        ['left', 2],
      ],
    )
    time.monotonic = 49
    equal([await outer(), views.peek('right')], [[1, 1], 2])
    time.monotonic = 60
    equal(
      [await outer(), await again()],
      [
        [3, 3],
        ['left', 2],
      ],
    )
    time.monotonic = 71
    equal([views.peek('left'), views.peek('right'), await again()], [undefined, undefined, ['left', 4]])
  }),

  claim('others may ask for a value while it is computed anew', async (db) => {
    const { time, clock } = clockOf()
    const views = db.cache<number>('views', { clock, ttl: 100, staleWhileRevalidate: 1000 })
    let n = 0
    const ask = () =>
      views.compute('k', async () => {
        await pause(5)
        return ++n
      })
    equal(await ask(), 1)
    time.monotonic = 150
    for (let again = 0; again < 3; again++) equal([await ask(), views.peek('k')], [1, undefined])
    await eventually(() => views.peek('k') === 2, 'it is kept')
    equal(n, 2)
  }),

  claim('while a failure is remembered, a value that may still be served is', async (db) => {
    const { time, clock } = clockOf()
    const options = { clock, ttl: 1000, negativeTtl: 500, staleWhileRevalidate: 2000, staleIfError: 6000 }
    const cache = db.cache('c', options)
    let loads = 0
    const down = () => {
      loads++
      throw new Error('down')
    }
    await cache.set('k', 'old')
    time.monotonic = 1500
    equal(await cache.get('k', down), 'old')
    await eventually(async () => (await cache.stats()).failures === 1, 'it failed in the background')
    for (let n = 0; n < 2; n++) equal([await cache.get('k', down), loads], ['old', 1])
    time.monotonic = 4000
    equal([await cache.get('k', down), await cache.get('k', down), loads], ['old', 'old', 2])
    equal((await cache.stats()).hits.stale, 5)
    time.monotonic = 8000
    for (let n = 0; n < 2; n++) equal((await Promise.allSettled([cache.get('k', down)]))[0]?.status, 'rejected')
    equal(loads, 3)
  }),

  claim('failures are kept no longer than they are remembered', async (db) => {
    const { time, clock } = clockOf()
    const cache = db.cache('c', { clock, negativeTtl: 500 })
    const errors: WeakRef<Error>[] = []
    const fail = (key: string) => {
      const load = () => {
        const error = new Error('down')
        errors.push(new WeakRef(error))
        throw error
      }
      return cache.get(key, load).catch(() => undefined)
    }
    for (let n = 0; n < 100; n++) await fail(`k${n}`)
    time.monotonic = 501
    await cache.get('other', () => 1)
    await pause(0)
    // Only Node, started with a flag, lets one look.
    const { gc } = globalThis as { gc?: () => void }
    if (gc === undefined) return
    gc()
    const left = errors.filter((error) => error.deref() !== undefined).length
    holds(left < 10, `${left} of ${errors.length} are there`)
  }),

  claim('keys and names that are not well-formed text are refused', async (db) => {
    const cache = db.cache('c')
    const bad = 'a\ud800'
    await rejects(cache.set(bad, 1), 'invalid')
    await rejects(cache.get(bad), 'invalid')
    await rejects(cache.getMany(['k', bad]), 'invalid')
    await rejects(cache.delete(bad), 'invalid')
    await rejects(cache.write({ set: [{ key: bad, value: 1 }] }), 'invalid')
    await rejects(
      cache.compute(bad, () => 1),
      'invalid',
    )
    await rejects(
      cache.compute('outer', ({ cache: of }) => of('c').compute(bad, () => 1)),
      'invalid',
    )
    await rejects(
      cache.compute('outer', ({ cache: of }) => of(bad).get('k')),
      'invalid',
    )
    await rejects((async () => db.cache(bad))(), 'invalid')
    equal([await cache.get('a\ufffd'), cache.peek(bad)], [undefined, undefined])
    await cache.set('a😀', 2)
    equal([await cache.get('a😀'), await db.cache('😀').get('k')], [2, undefined])
  }),

  claim('a loader may be given more time than a timer can count', async (db) => {
    const cache = db.cache('c', { loadTimeout: 2 ** 31 })
    const slow = async ({ signal }: { signal: { aborted: boolean } }) => {
      await pause(20)
      return signal.aborted ? 'late' : 'loaded'
    }
    equal(await cache.get('k', slow), 'loaded')
  }),
]
