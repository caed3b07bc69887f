/** Claims about what frameworks share of live results: one subscription for the same question, and none that is forgotten. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { queryStore } from '../src/frameworks/live_store.js'
import type { Query } from '../src/query.js'
import type { LiveOptions } from '../src/types/options.js'

/** A query that answers when it is told to. */
function fakeQuery(owner: object, key: string) {
  const live = {
    started: 0,
    ended: 0,
    deliver: (_: readonly string[]) => undefined as void,
    fail: (_: Error) => undefined as void,
  }
  const query = {
    get identity() {
      return [owner, key] as const
    },
    subscribe(callback: (result: { docs: readonly string[] }) => void, { onError }: LiveOptions) {
      live.started++
      live.deliver = (docs) => callback({ docs })
      live.fail = (error) => onError?.(error)
      return () => void live.ended++
    },
  }
  return { live, query: query as unknown as Query<string, string> }
}

/** Runs `work` as in a page, on a clock that stands still. */
async function inPage(work: () => void | Promise<void>): Promise<void> {
  const host = globalThis as { window?: unknown }
  host.window = {}
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    await work()
  } finally {
    mock.timers.reset()
    delete host.window
  }
}

test('two that ask the same share one subscription, also before the first one subscribes', () =>
  inPage(() => {
    const owner = {}
    const { live, query } = fakeQuery(owner, 'k')
    const [one, two] = [queryStore(query), queryStore(fakeQuery(owner, 'k').query)]
    assert.equal(one, two)
    assert.notEqual(one, queryStore(fakeQuery(owner, 'other').query))
    assert.notEqual(one, queryStore(fakeQuery({}, 'k').query))
    let heard = 0
    const stops = [one.subscribe(() => heard++), two.subscribe(() => heard++)]
    live.deliver(['a'])
    assert.deepEqual([live.started, heard, one.get().data], [1, 2, ['a']])
    for (const stop of stops) stop()
    mock.timers.tick(1999)
    assert.equal(live.ended, 0, 'a view that is built anew finds it')
    mock.timers.tick(1)
    assert.deepEqual([live.ended, one.get().status], [1, 'loading'])
    assert.notEqual(queryStore(query), one, 'nobody finds it any more')
  }))

test('a store that was let go of begins again when somebody subscribes', () =>
  inPage(() => {
    const { live, query } = fakeQuery({}, 'k')
    const store = queryStore(query)
    store.subscribe(() => undefined)()
    mock.timers.tick(2000)
    const stop = store.subscribe(() => undefined)
    assert.deepEqual([live.started, live.ended], [2, 1])
    assert.equal(queryStore(query), store)
    stop()
    mock.timers.tick(2000)
    assert.equal(live.ended, 2)
  }))

test('who was promised a result gets it, however long it takes, and has time to look', () =>
  inPage(async () => {
    const { live, query } = fakeQuery({}, 'k')
    const store = queryStore(query)
    const settled = store.settled()
    mock.timers.tick(60_000)
    assert.deepEqual([live.started, live.ended], [1, 0])
    live.deliver(['late'])
    await settled
    mock.timers.tick(1999)
    assert.deepEqual(store.get().data, ['late'])
    mock.timers.tick(1)
    assert.equal(live.ended, 1)
  }))

test('an error is shown, and the next one who subscribes tries again', () =>
  inPage(async () => {
    const { live, query } = fakeQuery({}, 'k')
    const store = queryStore(query)
    const settled = store.settled()
    live.fail(new Error('gone'))
    await settled
    const { status, error } = store.get()
    assert.deepEqual([status, error?.message], ['error', 'gone'])
    const stop = store.subscribe(() => undefined)
    assert.deepEqual([live.started, store.get().status], [2, 'loading'])
    live.deliver(['back'])
    assert.deepEqual(store.get().data, ['back'])
    stop()
    mock.timers.tick(2000)
  }))

test('a query that cannot be asked is an error, not a crash', () =>
  inPage(async () => {
    const broken = {
      get identity() {
        throw new Error('no function')
      },
    } as unknown as Query<string, string>
    const store = queryStore(broken)
    store.subscribe(() => assert.fail('a component that is drawn anew for it would be drawn for ever'))()
    await store.settled()
    mock.timers.tick(10_000)
    assert.deepEqual([store.get().status, store.get().error?.message], ['error', 'no function'])
    assert.equal(store.get(), store.get())
  }))

test('nothing is asked of nothing', () => {
  assert.equal(queryStore(undefined), queryStore(null))
  assert.equal(queryStore(undefined).get().status, 'loading')
})
