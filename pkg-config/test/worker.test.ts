import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend, BackendEvent } from '../src/backend.js'
import { TidewellError } from '../src/errors.js'
import { openInWorker, type WorkerHandle } from '../src/worker/client.js'
import { serve } from '../src/worker/host.js'
import type { Reply, Request } from '../src/worker/protocol.js'
import { FakeBackend, type Script } from './fake_backend.js'

const OPTIONS = {
  storage: 'auto',
  durability: 'relaxed',
  memoryBudget: 1 << 26,
  isBehindServiceWorker: false,
  faults: null,
  faultLatencyMs: 0,
} as const

/** A page and a worker joined by structured clones, one task per message as in a browser. */
class Wire {
  readonly toWorker: (readonly Request[])[] = []
  readonly toPage: (readonly Reply[])[] = []
  terminated = false
  lost: (why: string) => void = () => undefined
  lockFree: () => void = () => undefined
  #page: (replies: readonly Reply[]) => void = () => undefined
  #worker: (requests: readonly Request[]) => void = () => undefined

  readonly handle: WorkerHandle = {
    post: (messages, transfer) => {
      const copy = structuredClone(messages, { transfer: [...transfer] })
      this.toWorker.push(copy)
      setImmediate(() => this.terminated || this.#worker(copy))
    },
    listen: (receive) => (this.#page = receive),
    onLost: (lost) => (this.lost = lost),
    watchLock: (_, free) => {
      this.lockFree = free
      return () => (this.lockFree = () => undefined)
    },
    terminate: () => (this.terminated = true),
  }

  readonly scope = {
    post: (messages: readonly Reply[], transfer: readonly ArrayBuffer[]) => {
      const copy = structuredClone(messages, { transfer: [...transfer] })
      this.toPage.push(copy)
      setImmediate(() => this.terminated || this.#page(copy))
    },
    listen: (receive: (requests: readonly Request[]) => void) => (this.#worker = receive),
  }
}

async function setUp(script: Script) {
  const wire = new Wire()
  const events: BackendEvent[] = []
  let fake: FakeBackend | undefined
  serve(
    wire.scope,
    async (_name, _options, emit) => (fake = new FakeBackend(script, emit)),
    async () => 'lock',
  )
  const backend = await openInWorker(wire.handle, 'db', OPTIONS, (event) => events.push(event))
  wire.toWorker.length = 0
  wire.toPage.length = 0
  return { wire, backend, events, fake: fake as unknown as FakeBackend }
}

async function rejection(promise: Promise<unknown> | unknown): Promise<TidewellError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof TidewellError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'was not rejected' })
}

test('a get is one message there and one back', async () => {
  const { wire, backend } = await setUp(({ id }) => ({ id }))
  assert.deepStrictEqual(await backend.get('notes', 'a'), { json: '{"id":"a"}', extended: false })
  assert.equal(wire.toWorker.length, 1)
  assert.equal(wire.toPage.length, 1)
})

test('what is asked in one task travels together, and so do the answers', async () => {
  const { wire, backend } = await setUp(({ id }) => ({ id }))
  const all = await Promise.all(Array.from({ length: 100 }, (_, at) => backend.get('notes', String(at))))
  assert.equal(all.length, 100)
  assert.deepStrictEqual(all[42], { json: '{"id":"42"}', extended: false })
  assert.equal(wire.toWorker.length, 1)
  assert.equal(wire.toPage.length, 1)
})

test('a slow answer holds up no other', async () => {
  let finish: (value: unknown) => void = () => undefined
  const { backend } = await setUp(({ id }) => (id === 'slow' ? new Promise((resolve) => (finish = resolve)) : null))
  const slow = backend.get('notes', 'slow')
  assert.equal(await backend.get('notes', 'quick'), null)
  finish({ id: 'slow' })
  assert.deepStrictEqual(await slow, { json: '{"id":"slow"}', extended: false })
})

test('an error is the same class with the same code on the page', async () => {
  const issues = [{ message: 'bad' }]
  const { backend } = await setUp(() => {
    throw new TidewellError('conflict', 'taken', { reason: 'unique', issues })
  })
  for (const call of [
    () => backend.get('c', 'a'),
    () => backend.read('{}'),
    () => backend.execute('{}'),
    () => backend.writeBatch('put', 'c', '[]', undefined, 'strict'),
    () => backend.subscribe('{}', () => undefined),
  ]) {
    const error = await rejection(call())
    assert.deepStrictEqual(
      [error.code, error.reason, error.message, error.issues],
      ['conflict', 'unique', 'taken', issues],
    )
  }
})

test('writes carry their text and durability', async () => {
  const { backend, fake } = await setUp(() => ({ inserted: 1 }))
  await backend.writeBatch('insert', 'notes', '[{"id":"a"}]', undefined, 'strict')
  assert.deepStrictEqual(fake.asked, [
    { op: 'insert', collection: 'notes', docs: [{ id: 'a' }], durability: 'strict', batch: true },
  ])
})

test('live queries deliver until they are ended', async () => {
  const { backend, fake } = await setUp(() => ({ kind: 'snapshot' }))
  const heard: string[] = []
  const end = await backend.subscribe('{"op":"find"}', ({ json }) => heard.push(json))
  assert.deepStrictEqual(heard, ['{"kind":"snapshot"}'], 'the first event comes before the start resolves')
  const listener = fake.listeners.get('{"op":"find"}')
  listener?.({ json: '2', extended: false })
  await settled(backend)
  end()
  listener?.({ json: '3', extended: false })
  await settled(backend)
  assert.deepStrictEqual(heard.slice(1), ['2'])
  assert.equal(fake.ended, 1)
})

test('events of the engine reach the page', async () => {
  const { backend, fake, events } = await setUp(() => null)
  fake.emit({ kind: 'quota', message: 'full' })
  await settled(backend)
  assert.deepStrictEqual(events, [{ kind: 'quota', message: 'full' }])
})

test('a backup streams through, whole or given up half way', async () => {
  const { backend, fake } = await setUp(() => null)
  let text = ''
  for await (const chunk of backend.export()) text += new TextDecoder().decode(chunk)
  assert.equal(text, 'onetwothree')
  for await (const chunk of backend.export()) {
    assert.equal(chunk.byteLength, 3)
    break
  }
  await settled(backend)
  assert.equal(fake.ended, 2)
})

test('a restore streams through', async () => {
  const { backend, fake } = await setUp(() => null)
  const importer = await backend.import()
  await importer.push(new TextEncoder().encode('a'))
  await importer.push(new TextEncoder().encode('b'))
  assert.deepStrictEqual(JSON.parse((await importer.finish()).json), { collections: 1, documents: 2 })
  assert.deepStrictEqual(fake.imported, ['a', 'b'])
})

test('closing closes the engine, ends the worker and refuses what comes later', async () => {
  const { wire, backend, fake, events } = await setUp(() => null)
  await backend.close()
  await backend.close()
  assert.ok(fake.closed && wire.terminated)
  assert.equal((await rejection(backend.execute('{}'))).code, 'closed')
  wire.lockFree()
  assert.deepStrictEqual(events, [], 'an end that was asked for is no loss')
})

for (const [how, kill] of [
  ['its lock is free', (wire: Wire) => wire.lockFree()],
  ['it reports its end', (wire: Wire) => wire.lost('gone')],
] as const) {
  test(`a worker that dies (${how}) rejects what is pending as unavailable and what follows as closed`, async () => {
    const { wire, backend, events } = await setUp(() => new Promise(() => undefined))
    const pending = [backend.get('c', 'a'), backend.execute('{}'), backend.close()]
    await new Promise((resolve) => setImmediate(resolve))
    kill(wire)
    for (const promise of pending) assert.equal((await rejection(promise)).code, 'unavailable')
    assert.equal((await rejection(backend.get('c', 'a'))).code, 'closed')
    assert.ok(wire.terminated)
    assert.deepStrictEqual(
      events.map(({ kind }) => kind),
      ['dead'],
    )
  })
}

test('a worker that fails to open is ended', async () => {
  const wire = new Wire()
  serve(
    wire.scope,
    () => Promise.reject(new TidewellError('storage-lost', 'gone')),
    async () => null,
  )
  const error = await rejection(openInWorker(wire.handle, 'db', OPTIONS, () => undefined))
  assert.equal(error.code, 'storage-lost')
  assert.ok(wire.terminated)
})

/** A round trip: everything sent before it has arrived. */
async function settled(backend: Backend): Promise<void> {
  await backend.execute('{}')
  await backend.execute('{}')
}
