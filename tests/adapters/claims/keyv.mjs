// Claims about `tidewell/keyv` beyond Keyv's own test suite.
import Keyv from 'keyv'
import { equal, holds } from './expect.mjs'

const withStore = (name, run) => ({
  name,
  run: async (context) => {
    const db = await context.open()
    try {
      await run(db.cache('keyv'), context, db)
    } finally {
      await db.close()
    }
  },
})

export const keyv = [
  withStore('many values are stored and removed in one commit each, and read together', async (cache, { KeyvTidewell }) => {
    const keyv = new Keyv({ store: new KeyvTidewell(cache) })
    const commits = []
    const write = cache.write.bind(cache)
    cache.write = (changes) => (commits.push(changes), write(changes))
    equal(await keyv.setMany([{ key: 'a', value: 1 }, { key: 'b', value: 2 }, { key: 'c', value: 3 }]), [true, true, true])
    equal(await keyv.getMany(['c', 'x', 'a']), [3, undefined, 1])
    equal(await keyv.hasMany(['b', 'x']), [true, false])
    equal([await keyv.deleteMany(['a', 'b']), await keyv.deleteMany(['a', 'b'])], [true, false])
    equal(commits.length, 3)
  }),

  withStore('a store lists and clears its own namespace, though another one has more', async (cache, { KeyvTidewell }) => {
    const [one, two] = ['one', 'two'].map((namespace) => new Keyv({ store: new KeyvTidewell(cache), namespace }))
    await one.setMany(Array.from({ length: 1500 }, (_, n) => ({ key: `k${n}`, value: n })))
    await two.set('only', 'me')
    const listed = []
    for await (const [key] of one.iterator()) listed.push(key)
    equal([listed.length, new Set(listed).size], [1500, 1500])
    await one.clear()
    equal([await one.get('k7'), await two.get('only')], [undefined, 'me'])
  }),

  withStore('a value expires in the cache, too, and a time to live of 0 means for ever', async (cache, { KeyvTidewell }) => {
    const store = new KeyvTidewell(cache)
    await store.set('short', 'x', 30)
    await store.set('long', 'y', 0)
    equal([await store.has('short'), await store.has('long')], [true, true])
    await new Promise((done) => setTimeout(done, 60))
    equal(await store.hasMany(['short', 'long']), [false, true])
    equal(await store.getMany(['short', 'long']), [undefined, 'y'])
  }),

  withStore('a store made before the database is open waits for it, and tells why it could not be', async (cache, context) => {
    const store = new context.KeyvTidewell(Promise.resolve(cache))
    await store.set('k', 1)
    equal(await store.get('k'), 1)
    const heard = []
    const broken = new context.KeyvTidewell(Promise.reject(new Error('no storage')))
    const keyv = new Keyv({ store: broken })
    keyv.on('error', (error) => heard.push(error.message))
    equal([await keyv.get('k'), await keyv.set('k', 1), heard], [undefined, false, ['no storage', 'no storage']])
    await store.disconnect()
    holds((await cache.get('k')) === 1, 'the database stays open')
  }),
]
