// Claims about `tidewell/tanstack-query` with the real query client. `context` has `open(name)`, which opens a database or opens it
// again, and the package's exports.
import { QueryClient, onlineManager } from '@tanstack/query-core'
import {
  experimental_createQueryPersister as createQueryPersister,
  persistQueryClient,
  persistQueryClientRestore,
  persistQueryClientSave,
} from '@tanstack/query-persist-client-core'
import { equal, holds } from './expect.mjs'

const DAY = 24 * 60 * 60 * 1000

/** A cache that notes what is written to it: the keys of each commit. */
const noted = (cache) => {
  const commits = []
  const write = cache.write.bind(cache)
  const set = cache.set.bind(cache)
  cache.write = (changes) => {
    commits.push({ set: (changes.set ?? []).map(({ key }) => key), delete: changes.delete ?? [] })
    return write(changes)
  }
  cache.set = (key, value, options) => {
    commits.push({ set: [key], delete: [] })
    return set(key, value, options)
  }
  return { cache, commits }
}

const newClient = () => new QueryClient({ defaultOptions: { queries: { gcTime: Infinity, retry: false } } })

/** A tab: a client that was restored and is persisted from now on. */
const tabOf = async ({ createPersister }, cache, options = {}) => {
  const queryClient = newClient()
  const persister = createPersister(cache)
  // The last write may be waited for.
  const done = []
  const persistClient = (client) => {
    const written = persister.persistClient(client)
    done.push(written)
    return written
  }
  const [stop, restored] = persistQueryClient({ queryClient, persister: { ...persister, persistClient }, ...options })
  await restored
  const settled = async () => {
    // The query client tells what happened in a task of its own.
    await new Promise((next) => setTimeout(next, 5))
    for (let promise = done.pop(); promise !== undefined; promise = done.pop()) await promise
  }
  return { queryClient, persister, settled, close: async () => (await settled(), stop(), queryClient.clear()) }
}

const withDatabase = (name, run) => ({
  name,
  run: async (context) => {
    const db = await context.open()
    try {
      await run(context, db)
    } finally {
      await db.close()
    }
  },
})

export const tanstack = [
  {
    name: 'a client comes back after a reload, dates and all, without a fetch',
    run: async (context) => {
      const db = await context.open()
      const tab = await tabOf(context, db.cache('queries'))
      const at = new Date(1_700_000_000_000)
      await tab.queryClient.prefetchQuery({ queryKey: ['user', 1], queryFn: () => ({ name: 'Ada', at, big: 5n }) })
      const { dataUpdatedAt } = tab.queryClient.getQueryState(['user', 1])
      await tab.close()
      const again = await context.reopen(db)
      const next = await tabOf(context, again.cache('queries'))
      equal(next.queryClient.getQueryData(['user', 1]), { name: 'Ada', at, big: 5n })
      equal(next.queryClient.getQueryState(['user', 1]).dataUpdatedAt, dataUpdatedAt)
      const fetched = await next.queryClient.fetchQuery({ queryKey: ['user', 1], queryFn: () => 'fetched', staleTime: DAY })
      equal(fetched.name, 'Ada')
      await next.close()
      await again.close()
    },
  },

  withDatabase('only the query that changed is written, in one commit, and nothing where nothing changed', async (context, db) => {
    const { cache, commits } = noted(db.cache('queries'))
    const tab = await tabOf(context, cache)
    for (let n = 0; n < 50; n++) tab.queryClient.setQueryData(['item', n], { n })
    await tab.settled()
    equal(commits.length, 1, 'what happens in one task is one commit')
    equal(commits[0].set.length, 51)
    commits.length = 0
    tab.queryClient.setQueryData(['item', 7], { n: 700 })
    await tab.settled()
    equal(commits, [{ set: ['client/q/["item",7]', 'client/client'], delete: [] }])
    commits.length = 0
    await persistQueryClientSave({ queryClient: tab.queryClient, persister: tab.persister })
    equal(commits, [], 'nothing changed')
    await tab.queryClient.fetchQuery({ queryKey: ['item', 8], queryFn: async () => ({ n: 800 }) })
    await tab.settled()
    equal(commits.flatMap(({ set }) => set), ['client/q/["item",8]', 'client/client'], 'the fetch itself is no change')
    await tab.close()
    commits.length = 0
    const next = await tabOf(context, cache)
    next.queryClient.setQueryData(['item', 9], { n: 900 })
    await next.settled()
    equal(commits, [{ set: ['client/q/["item",9]', 'client/client'], delete: [] }], 'what was restored is known')
    await next.close()
  }),

  withDatabase('what is removed from the client is removed from the cache', async (context, db) => {
    const cache = db.cache('queries')
    const tab = await tabOf(context, cache)
    for (const id of ['a', 'b', 'c']) tab.queryClient.setQueryData([id], id)
    await tab.settled()
    tab.queryClient.removeQueries({ queryKey: ['b'] })
    await tab.settled()
    equal(await keysOf(cache), ['client/client', 'client/q/["a"]', 'client/q/["c"]'])
    await tab.persister.removeClient()
    equal(await keysOf(cache), [])
    equal(await tab.persister.restoreClient(), undefined)
    await tab.close()
  }),

  withDatabase('a client of another buster, and one that is too old, is discarded', async (context, db) => {
    const cache = db.cache('queries')
    const first = await tabOf(context, cache, { buster: 'v1' })
    first.queryClient.setQueryData(['a'], 1)
    await first.settled()
    const other = await tabOf(context, cache, { buster: 'v2' })
    equal(other.queryClient.getQueryData(['a']), undefined)
    equal(await keysOf(cache), [])
    other.queryClient.setQueryData(['b'], 2)
    await other.settled()
    // A tab of the old version that is still open.
    first.queryClient.setQueryData(['c'], 3)
    await first.settled()
    const late = await context.createPersister(cache).restoreClient()
    holds(late.clientState.queries.every(({ queryHash }) => queryHash !== '["b"]') || late.buster === 'v2', 'versions are not mixed')
    await first.close()
    await other.close()
    await context.createPersister(cache).removeClient()
    const queryClient = newClient()
    queryClient.setQueryData(['old'], 1)
    const persister = context.createPersister(cache)
    await persister.persistClient({ ...(await dehydrated(queryClient)), timestamp: Date.now() - 2 * DAY })
    await persistQueryClientRestore({ queryClient: newClient(), persister, maxAge: DAY })
    equal(await keysOf(cache), [])
  }),

  withDatabase('several tabs share a cache: each adds its own, the newest data stay', async (context, db) => {
    const cache = db.cache('queries')
    const [one, two] = [await tabOf(context, cache), await tabOf(context, cache)]
    one.queryClient.setQueryData(['one'], 1)
    two.queryClient.setQueryData(['two'], 2)
    one.queryClient.setQueryData(['both'], 'old', { updatedAt: 1000 })
    await one.settled()
    await two.settled()
    two.queryClient.setQueryData(['both'], 'new', { updatedAt: 2000 })
    await two.settled()
    one.queryClient.setQueryData(['both'], 'late', { updatedAt: 1500 })
    await one.settled()
    one.queryClient.removeQueries({ queryKey: ['both'] })
    await one.settled()
    const three = await tabOf(context, cache)
    equal(
      [['one'], ['two'], ['both']].map((key) => three.queryClient.getQueryData(key)),
      [1, 2, 'new'],
    )
    for (const tab of [one, two, three]) await tab.close()
  }),

  withDatabase('paused mutations come back', async (context, db) => {
    const cache = db.cache('queries')
    const tab = await tabOf(context, cache)
    onlineManager.setOnline(false)
    try {
      const mutation = tab.queryClient.getMutationCache().build(tab.queryClient, { mutationKey: ['save'], mutationFn: async () => 1 })
      mutation.execute({ text: 'later' }).catch(() => {})
      await new Promise((done) => setTimeout(done, 20))
      await tab.settled()
      const next = await tabOf(context, cache)
      const [restored] = next.queryClient.getMutationCache().getAll()
      equal([restored.state.variables, restored.state.isPaused, restored.options.mutationKey], [{ text: 'later' }, true, ['save']])
      await next.close()
    } finally {
      onlineManager.setOnline(true)
      await tab.close()
    }
  }),

  withDatabase('a value that cannot be stored is told, and the others are stored', async (context, db) => {
    const cache = db.cache('queries')
    const queryClient = newClient()
    queryClient.setQueryData(['good'], 1)
    queryClient.setQueryData(['bad'], { run: () => {} })
    queryClient.setQueryData(['fine'], 2)
    const error = await context
      .createPersister(cache)
      .persistClient(await dehydrated(queryClient))
      .catch((thrown) => thrown)
    equal([error.name, error.code], ['TidewellError', 'invalid'])
    equal(await keysOf(cache), ['client/client', 'client/q/["fine"]', 'client/q/["good"]'])
    queryClient.clear()
  }),

  withDatabase('keys of any length are told apart', async (context, db) => {
    const cache = db.cache('queries')
    const tab = await tabOf(context, cache)
    const long = (end) => ['ü'.repeat(2000), end]
    tab.queryClient.setQueryData(long('a'), 'A')
    tab.queryClient.setQueryData(long('b'), 'B')
    await tab.close()
    const next = await tabOf(context, cache)
    equal([next.queryClient.getQueryData(long('a')), next.queryClient.getQueryData(long('b'))], ['A', 'B'])
    await next.close()
    const { storage } = context.createQueryStorage(cache, { prefix: 'long/' })
    await storage.setItem('ü'.repeat(2000), 1)
    equal([await storage.getItem('ü'.repeat(2000)), await storage.getItem('ü'.repeat(2001))], [1, undefined])
    equal((await storage.entries())[0][0].length, 2000)
  }),

  withDatabase('queries persisted one by one are read when used, and written when fetched', async (context, db) => {
    const { cache, commits } = noted(db.cache('queries'))
    const options = { ...context.createQueryStorage(cache), buster: 'v1', maxAge: DAY }
    const persister = createQueryPersister(options)
    const run = (queryClient, id, queryFn) =>
      queryClient.fetchQuery({ queryKey: ['item', id], queryFn, persister: persister.persisterFn, staleTime: DAY })
    const first = newClient()
    for (let id = 0; id < 5; id++) await run(first, id, () => ({ id, at: new Date(id) }))
    await new Promise((done) => setTimeout(done, 20))
    equal(commits.map(({ set }) => set.length), [1, 1, 1, 1, 1])
    commits.length = 0
    const second = newClient()
    let fetched = 0
    equal(await run(second, 3, () => fetched++), { id: 3, at: new Date(3) })
    equal([fetched, commits], [0, []])
    await persister.removeQueries({ queryKey: ['item', 3] })
    equal(await run(newClient(), 3, () => ++fetched), 1)
    await new Promise((done) => setTimeout(done, 20))
    const third = newClient()
    await persister.restoreQueries(third)
    equal(third.getQueryData(['item', 4]), { id: 4, at: new Date(4) })
    equal(third.getQueryCache().getAll().length, 5)
    const busted = createQueryPersister({ ...options, buster: 'v2' })
    await busted.persisterGc()
    equal(await keysOf(cache), [])
    for (const client of [first, second, third]) client.clear()
  }),
]

const keysOf = async (cache) => {
  const keys = []
  for await (const [key] of cache.entries()) keys.push(key)
  return keys
}

const dehydrated = async (queryClient) => {
  let kept
  await persistQueryClientSave({ queryClient, persister: { persistClient: (client) => void (kept = client) } })
  return kept
}
