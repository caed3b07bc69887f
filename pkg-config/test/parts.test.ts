import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidewellError, toError, toWire } from '../src/errors.js'
import { toWireHint, toWireIndex } from '../src/indexes.js'
import { applyDiff } from '../src/live.js'
import { Breath } from '../src/jobs/breath.js'
import { reducePage } from '../src/jobs/work.js'
import { chunksOf } from '../src/source.js'
import { FunctionError } from '../src/streams/record.js'
import { SaidLists } from '../src/topics/held.js'
import type { ImportSource } from '../src/transfer.js'
import { uuidv7 } from '../src/uuid.js'
import { prepare, type Stored } from '../src/validation.js'

test('ids are UUIDv7 and sort in the order they were made', () => {
  const ids = Array.from({ length: 20_000 }, () => uuidv7())
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepStrictEqual(ids, [...ids].sort())
  assert.equal(new Set(ids).size, ids.length)
})

test('ids carry the time, and go on when the clock steps back', () => {
  const future = Date.now() + 3_600_000
  const first = uuidv7(future)
  assert.equal(parseInt(first.replaceAll('-', '').slice(0, 12), 16), future)
  const second = uuidv7(future - 5000)
  assert.ok(second > first)
})

test('an error crosses a worker as what it was', () => {
  const issues = [{ message: 'too short', path: ['title'] }]
  const error = new TidewellError('invalid', 'no', { reason: 'schema', issues })
  const back = toError(structuredClone(toWire(error)))
  assert.ok(back instanceof TidewellError && back instanceof Error)
  assert.deepStrictEqual(
    [back.name, back.code, back.reason, back.message, back.issues],
    ['TidewellError', 'invalid', 'schema', 'no', issues],
  )
})

test('anything thrown becomes a TidewellError', () => {
  assert.equal(toError({ code: 'conflict', reason: 'unique', message: 'x' }).reason, 'unique')
  assert.equal(toError(new TypeError('x')).code, 'internal')
  assert.equal(toError('x').message, 'x')
  assert.equal(toError(new DOMException('x', 'AbortError')).code, 'aborted')
  assert.equal(toError(new DOMException('x', 'QuotaExceededError')).code, 'quota')
  assert.equal(toError({ code: 'nonsense', message: 'x' }).code, 'internal')
})

test('what a function throws is told, whatever it is', async () => {
  const thrown = Object.create(null) as unknown
  assert.equal(new FunctionError({} as never, thrown).message, 'unknown error')
  const reduce = () => {
    throw thrown
  }
  const { failures } = await reducePage({ reduce } as never, [['k', []]], new Breath())
  assert.deepStrictEqual(failures, [{ id: 'k', message: 'unknown error' }])
})

test('what is said of a message counts no more once it is handed out again', async () => {
  const said = new SaidLists()
  const [old, other] = [said.add('ack', [0, 5, 7, 1]), said.add('ack', [0, 5, 8, 1])]
  said.refuse(new Set([7]))
  await assert.rejects(old, { code: 'conflict', reason: 'not-held' })
  const { fields, settle } = said.take()
  assert.deepStrictEqual(fields, { ack: [[0, 5, 8, 1]] })
  settle([])
  await other
})

test('index definitions in every form mean the same', () => {
  assert.deepStrictEqual(toWireIndex('tag'), { fields: ['tag'], name: 'tag' })
  assert.deepStrictEqual(toWireIndex(['done', 'due']), { fields: ['done', 'due'], name: 'done,due' })
  assert.deepStrictEqual(toWireIndex({ fields: [['due', -1], 'title'], unique: true }), {
    fields: [['due', -1], 'title'],
    name: 'due,title',
    unique: true,
  })
  assert.equal(toWireHint(['done', 'due']), 'done,due')
  assert.equal(toWireHint({ name: 'x' }), 'x')
  assert.throws(() => toWireIndex(5 as never), /an index is a path/)
})

test('a diff turns any array before into the array after', () => {
  const random = mulberry32(7)
  for (let round = 0; round < 500; round++) {
    const before = shuffled(ids(random), random)
    const after = shuffled(ids(random), random).map((id) => ({ id, version: Math.floor(random() * 2) }))
    const diff = diffOf(
      before.map((id) => ({ id, version: 0 })),
      after,
    )
    const start = before.map((id) => ({ id, version: 0 }))
    assert.deepStrictEqual(applyDiff(start, diff), after)
    assert.deepStrictEqual(
      start.map(({ id }) => id),
      before,
      'the array before is left alone',
    )
  }
})

interface Item {
  readonly id: string
  readonly version: number
}

/** The simplest correct diff: what is in both and not at a kept relative order has moved. */
function diffOf(before: readonly Item[], after: readonly Item[]) {
  const kept = new Set<string>()
  let last = -1
  for (const { id } of after) {
    const at = before.findIndex((item) => item.id === id)
    if (at > last) {
      kept.add(id)
      last = at
    }
  }
  const has = (list: readonly Item[], id: string) => list.some((item) => item.id === id)
  return {
    removed: before.flatMap(({ id }, index) => (has(after, id) ? [] : [{ index, id }])),
    moved: before.flatMap(({ id }, from) =>
      has(after, id) && !kept.has(id)
        ? [{ from, to: after.findIndex((item) => item.id === id), doc: after.find((item) => item.id === id) as Item }]
        : [],
    ),
    added: after.flatMap((doc, index) => (has(before, doc.id) ? [] : [{ index, doc }])),
    changed: after.flatMap((doc, index) => (kept.has(doc.id) ? [{ index, doc }] : [])),
  }
}

function ids(random: () => number): string[] {
  return 'abcdefgh'.split('').filter(() => random() < 0.6)
}

function shuffled<E>(list: E[], random: () => number): E[] {
  return list
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

test('a document without an id gets one in front, one with an id is taken as it is', () => {
  const given = { id: 'a', x: 1 }
  assert.equal((prepare([given], undefined) as object[])[0], given)
  const [made] = prepare([{ x: 1 }], undefined) as readonly Stored[]
  assert.deepStrictEqual(Object.keys(made ?? {}), ['id', 'x'])
  const hostile = JSON.parse('{"__proto__":{"x":1}}') as object
  const [copy] = prepare([hostile], undefined) as object[]
  assert.deepStrictEqual(Object.getOwnPropertyDescriptor(copy, '__proto__')?.value, { x: 1 })
})

test('documents of the wrong shape are refused by their position', () => {
  for (const [document, hint] of [
    [null, /got null/],
    [5, /a number/],
    [[1], /an array/],
    [{ id: 5 }, /a string, got a number/],
    [{ id: '' }, /must not be empty/],
    [{ id: null }, /got null/],
  ] as const) {
    assert.throws(() => prepare([document], undefined), hint)
    assert.throws(() => prepare([{ id: 'a' }, document], undefined), /documents\[1\]/)
  }
})

test('any source of bytes or text can be imported', async () => {
  const bytes = new TextEncoder().encode('abcdef')
  const sources: ImportSource[] = [
    'abcdef',
    bytes,
    ['abc', bytes.slice(3)],
    (async function* () {
      yield bytes.slice(0, 2)
      yield 'cdef'
    })(),
    new Blob([bytes]) as ImportSource,
    new Response('abcdef').body as ImportSource,
  ]
  for (const source of sources) {
    let text = ''
    for await (const chunk of chunksOf(source)) text += new TextDecoder().decode(chunk)
    assert.equal(text, 'abcdef')
  }
  await assert.rejects(chunksOf(5 as never).next(), /import: give bytes/)
  await assert.rejects(chunksOf([5] as never).next(), /import: a chunk must be/)
})
