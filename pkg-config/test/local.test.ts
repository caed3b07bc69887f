/** The engine on the calling thread: what memory holds is answered at once, and a dead instance is dead for good and alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend, BackendEvent } from '../src/backend.js'
import { TidewellError } from '../src/errors.js'
import { deleteLocal, openLocal } from '../src/local/backend.js'
import { compileOnce } from '../src/local/instance.js'
import { instances, MODULE } from './fake_glue.js'

const OPTIONS = {
  storage: 'auto',
  durability: 'relaxed',
  memoryBudget: 1 << 26,
  isBehindServiceWorker: false,
  faults: null,
  faultLatencyMs: 0,
} as const
const source = compileOnce(async () => ({ module: await WebAssembly.compile(MODULE) }))

async function setUp(): Promise<{ backend: Backend; events: BackendEvent[] }> {
  const events: BackendEvent[] = []
  return { backend: await openLocal(source)('db', OPTIONS, (event) => events.push(event)), events }
}

async function rejection(work: () => unknown): Promise<TidewellError> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof TidewellError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'was not rejected' })
}

test('a warm get is answered at once, a cold one as a promise', async () => {
  const { backend } = await setUp()
  assert.deepStrictEqual(backend.get('c', 'a'), { json: '{"id":"a","when":{"$date":5}}', extended: true })
  assert.equal(backend.get('c', 'none'), null)
  const cold = backend.get('c', 'cold')
  assert.ok(cold instanceof Promise)
  assert.deepStrictEqual(await cold, { json: '{"id":"cold"}', extended: false })
  assert.deepStrictEqual(backend.read('{"op":"find"}'), { json: '[]', extended: false })
})

test('memory may grow under the reader', async () => {
  const { backend } = await setUp()
  assert.equal((backend.get('c', 'grow') as { json: string }).json, '{"id":"grow","when":{"$date":5}}')
  assert.equal((backend.get('c', 'b') as { json: string }).json, '{"id":"b","when":{"$date":5}}')
})

test('an error of the engine is a TidewellError, and the instance lives on', async () => {
  const { backend, events } = await setUp()
  const error = await rejection(() => backend.get('c', 'refused'))
  assert.deepStrictEqual([error.code, error.reason, error.message], ['corrupt', 'checksum', 'a block is damaged'])
  assert.equal(backend.get('c', 'none'), null)
  assert.deepStrictEqual(events, [])
})

for (const [id, message] of [
  ['trap', /unreachable/],
  ['panic', /index out of bounds/],
] as const) {
  test(`a ${id} in a call kills the instance: it, what is pending and what follows reject as internal`, async () => {
    const { backend, events } = await setUp()
    const pending = [
      backend.execute('{}'),
      backend.writeBatch('insert', 'c', '[]', undefined, 'relaxed'),
      backend.subscribe('{}', () => undefined),
      Promise.resolve(backend.read('{"op":"slow"}')),
    ].map((promise) => rejection(() => promise))
    const error = await rejection(() => backend.get('c', id))
    assert.equal(error.code, 'internal')
    assert.match(error.message, message)
    for (const outcome of pending) assert.equal((await outcome).code, 'internal')
    assert.equal((await rejection(() => backend.get('c', 'none'))).code, 'internal')
    assert.equal((await rejection(() => backend.execute('{}'))).code, 'internal')
    assert.deepStrictEqual(
      events.map(({ kind }) => kind),
      ['dead'],
    )
  })
}

test('a trap in a task of the engine rejects whoever waits for it, and does not escape', async () => {
  const { backend, events } = await setUp()
  const escaped: unknown[] = []
  const listen = (error: unknown) => escaped.push(error)
  process.on('uncaughtException', listen)
  try {
    assert.equal((await rejection(() => backend.get('c', 'lost'))).code, 'internal')
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepStrictEqual(escaped, [])
  } finally {
    process.off('uncaughtException', listen)
  }
  assert.equal(events.length, 1)
})

test('the death of one instance leaves the others alone, and opening again makes a fresh one', async () => {
  const { backend } = await setUp()
  const { backend: other } = await setUp()
  await rejection(() => backend.get('c', 'trap'))
  assert.equal(other.get('c', 'none'), null)
  const before = instances
  const { backend: again } = await setUp()
  assert.equal(instances, before + 1)
  assert.equal(again.get('c', 'none'), null)
})

test('after close every call is closed, and a subscription may still be ended', async () => {
  const { backend } = await setUp()
  await backend.close()
  await backend.close()
  assert.equal((await rejection(() => backend.get('c', 'a'))).code, 'closed')
  assert.equal((await rejection(() => backend.execute('{}'))).code, 'closed')
  assert.equal((await rejection(() => backend.export().next())).code, 'closed')
})

test('a database that cannot be opened, a module that cannot be loaded', async () => {
  const open = openLocal(source)
  assert.equal((await rejection(() => open('refused', OPTIONS, () => undefined))).code, 'storage-lost')
  let attempts = 0
  const flaky = compileOnce(async () => {
    if (++attempts === 1) throw new TypeError('no network')
    return { module: await WebAssembly.compile(MODULE) }
  })
  const error = await rejection(() => openLocal(flaky)('db', OPTIONS, () => undefined))
  assert.deepStrictEqual([error.code, /no network/.test(error.message)], ['unavailable', true])
  await openLocal(flaky)('db', OPTIONS, () => undefined)
  await openLocal(flaky)('db', OPTIONS, () => undefined)
  assert.equal(attempts, 2, 'a failure is tried again, a success is kept')
  await deleteLocal(flaky, 'db')
})
