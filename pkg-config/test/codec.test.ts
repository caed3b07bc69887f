import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../src/codec/decode.js'
import { encode, encodeDocuments } from '../src/codec/encode.js'
import { TidewellError } from '../src/errors.js'

/** What comes back is what went in, and whether it needed tags is as expected. */
function check(value: unknown, tagged: boolean): void {
  const text = encode({ value, other: 1 }, 'query', 'document')
  assert.equal(/"\$(date|bytes|bigint|undefined|number|regexp|escape)":/.test(text), tagged, text)
  assert.deepStrictEqual(decode(text, true), { value, other: 1 })
  if (!tagged) assert.equal(text, JSON.stringify({ value, other: 1 }))
}

function refused(value: unknown, path: string, hint: RegExp): void {
  assert.throws(
    () => encode(value, 'document', 'document'),
    (error) => {
      assert.ok(error instanceof TidewellError)
      assert.equal(error.code, 'invalid')
      assert.match(error.message, hint)
      assert.ok(error.message.includes(path), `${error.message} should name ${path}`)
      return true
    },
  )
}

test('plain JSON passes as it is', () => {
  for (const value of [
    null,
    true,
    0,
    -1.5,
    1e300,
    '',
    'text',
    'ümlaut 🌊',
    [],
    {},
    [1, [2, { a: null }]],
    { a: { b: [] }, c: 'x' },
  ])
    check(value, false)
})

test('what JSON lacks comes back as it went in', () => {
  const values = [
    new Date(0),
    new Date(8.64e15),
    new Uint8Array([0, 1, 255]),
    new Uint8Array(),
    0n,
    -123456789012345678901234567890n,
  ]
  for (const value of [...values, undefined, NaN, Infinity, -Infinity, -0, [undefined, NaN], { a: { b: new Date(1) } }])
    check(value, true)
})

test('an invalid Date stays one', () => {
  const back = decode(encode(new Date(NaN), 'document', 'document'), true)
  assert.ok(back instanceof Date && Number.isNaN(back.getTime()))
})

test('a regular expression passes in a query and only there', () => {
  check(/^a\/b$/giu, true)
  refused({ a: { b: /x/ } }, 'a.b', /RegExp/)
})

test('an object that looks like a tag stays what it was', () => {
  for (const value of [
    { $date: 5 },
    { $bytes: 'AA==' },
    { $undefined: true },
    { $escape: { $date: 1 } },
    { $number: { $date: new Date(3) } },
  ])
    check(value, true)
  for (const value of [{ $date: 5, other: 1 }, { $set: { a: 1 } }])
    assert.equal(encode(value, 'query', 'update'), JSON.stringify(value))
})

test('holes in arrays are undefined', () => {
  // eslint-disable-next-line no-sparse-arrays
  assert.deepStrictEqual(decode(encode([1, , 3], 'document', 'document'), true), [1, undefined, 3])
})

test('large binary values survive base64', () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 31) & 255)
  check(bytes, true)
})

test('a subarray is stored by its own bytes', () => {
  const bytes = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
  assert.deepStrictEqual(decode(encode(bytes, 'document', 'document'), true), new Uint8Array([2, 3]))
})

test('dangerous keys are ordinary keys and pollute nothing', () => {
  const hostile = JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}',
  ) as object
  for (const value of [hostile, { ...hostile, when: new Date(0) }]) {
    const text = encode(value, 'document', 'document')
    const back = decode(text, true) as Record<string, unknown>
    assert.deepStrictEqual(Object.keys(back), Object.keys(value))
    assert.equal(Object.getPrototypeOf(back), Object.prototype)
    assert.deepStrictEqual(Object.getOwnPropertyDescriptor(back, '__proto__')?.value, { polluted: true })
  }
  const nested = decode(`{"__proto__":{"$date":0},"a":1}`, true) as object
  assert.deepStrictEqual(Object.getOwnPropertyDescriptor(nested, '__proto__')?.value, new Date(0))
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

test('lone surrogates become U+FFFD, whole pairs and backslashes stay', () => {
  const lone = 'a\ud800b'
  assert.equal(decode(encode(lone, 'document', 'document'), false), 'a\ufffdb')
  assert.equal(decode(encode('\udfff', 'document', 'document'), false), '\ufffd')
  for (const text of ['\ud83c\udf0a', '\\ud800', '\\\\ud800', '\\\ud83c\udf0a'])
    assert.equal(decode(encode(text, 'document', 'document'), false), text)
  assert.equal(decode(encode('\\\ud800', 'document', 'document'), false), '\\\ufffd')
  assert.equal(encodeDocuments([{ id: 'a', [lone]: lone }]), '[{"id":"a","a\ufffdb":"a\ufffdb"}]')
})

test('what cannot be stored is refused by its path and with a hint', () => {
  refused({ a: { f: () => 1 } }, 'a.f', /function/)
  refused({ a: [1, Symbol('s')] }, 'a.1', /symbol/)
  refused({ m: new Map() }, '"m"', /Object\.fromEntries/)
  refused({ s: new Set() }, '"s"', /\[\.\.\.set\]/)
  refused({ b: new ArrayBuffer(2) }, '"b"', /new Uint8Array\(buffer\)/)
  refused({ b: new DataView(new ArrayBuffer(2)) }, '"b"', /byteOffset/)
  refused({ b: new Float32Array(2) }, '"b"', /byteOffset/)
  refused({ p: Promise.resolve() }, '"p"', /Promise/)
  refused({ c: new (class Point {})() }, '"c"', /an instance of Point/)
  refused({ n: Object(1) as unknown }, '"n"', /Number/)
  refused({ toJSON: () => 'x' }, 'toJSON', /function/)
})

test('a cycle is refused as a cycle', () => {
  const cycle: Record<string, unknown> = { a: {} }
  ;(cycle['a'] as Record<string, unknown>)['back'] = cycle
  refused(cycle, 'a.back', /contains itself/)
  const list: unknown[] = []
  list.push(list)
  refused({ list }, 'list.0', /contains itself/)
  const shared = { x: 1 }
  assert.equal(encode({ a: shared, b: shared }, 'document', 'document'), '{"a":{"x":1},"b":{"x":1}}')
})

test('64 levels pass, 65 are refused', () => {
  const nest = (levels: number): object => (levels === 1 ? {} : { a: nest(levels - 1) })
  assert.equal(encode(nest(64), 'document', 'document').length, 63 * 6 + 2)
  refused(nest(65), 'a.a.a', /deeper than 64/)
})

test('documents of a batch are named by their position', () => {
  assert.throws(() => encodeDocuments([{ id: 'a' }, { id: 'b', f: () => 1 }]), /documents\[1\] at "f"/)
  assert.throws(() => encodeDocuments([{ id: 'b', f: () => 1 }]), /^TidewellError: document at "f"/)
  const mixed = encodeDocuments([{ id: 'a' }, { id: 'b', when: new Date(5) }])
  assert.equal(mixed, '[{"id":"a"},{"id":"b","when":{"$date":5}}]')
})

test('objects of another realm are plain objects', async () => {
  const { runInNewContext } = await import('node:vm')
  const foreign = runInNewContext('({ a: 1, when: new Date(5), bytes: new Uint8Array([7]), list: [1] })') as object
  assert.deepStrictEqual(decode(encode(foreign, 'document', 'document'), true), {
    a: 1,
    when: new Date(5),
    bytes: new Uint8Array([7]),
    list: [1],
  })
})

test('objects without a prototype are plain objects', () => {
  const bare = Object.assign(Object.create(null) as object, { a: 1 })
  assert.equal(encode(bare, 'document', 'document'), '{"a":1}')
})
