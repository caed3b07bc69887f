// The console's notation: what is written is read as meant, mistakes are named with their place, and what is shown reads back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cell, inline, pretty } from '../../www/src/format.js'
import { parse } from '../../www/src/literal.js'

const VALUES = [
  {}, [], 0, -1.5e-7, 12n, -(2n ** 70n), 'it\'s "quoted"\n', true, null, undefined, new Date(0), /a[/]\/b/gi, new Uint8Array([0, 1, 255]),
  { a: { 'b.c': [1, [2, { d: 'ü𝄞' }]] }, $gte: new Date('2019-01-01T12:00:00Z'), long: 'x'.repeat(200) },
]

test('every value that is shown reads back as itself, on one line and on many', () => {
  for (const value of VALUES) {
    assert.deepEqual(parse(inline(value)), value)
    assert.deepEqual(parse(pretty(value)), value)
  }
})

test('what people type is read as meant', () => {
  const check = (text, value) => assert.deepEqual(parse(text), value, text)
  check("{ a: 1, 'b': [1, 2,], } // a comment", { a: 1, b: [1, 2] })
  check('/* before */ { $or: [{ title: /^x/i }, { due: { $lt: new Date("2020-01-01") } }] }', { $or: [{ title: /^x/i }, { due: { $lt: new Date('2020-01-01') } }] })
  check('[+1, .5, 0x10, 10]', [1, 0.5, 16, 10])
  check('"\\u00fc\\x41\\n"', 'üA\n')
})

test('a mistake is named with its line and column', () => {
  const check = (text, message) => assert.throws(() => parse(text), { message })
  check('{ a: }', 'line 1, column 6: unexpected "}"')
  check('{\n  a 1 }', 'line 2, column 5: expected ":" after the key "a"')
  check('{ a: sea }', 'line 1, column 9: unknown word sea: put text in quotes')
  check('[1 2]', 'line 1, column 4: expected "," or "]"')
  check('Date("when?")', 'line 1, column 14: this is no date: write Date("2019-12-31")')
  check(`${'['.repeat(200)}`, 'line 1, column 102: nested more than 100 deep')
})

test('`__proto__` is a key like any other', () => {
  const read = parse('{ __proto__: { polluted: true }, constructor: 1 }')
  assert.deepEqual(Object.keys(read), ['__proto__', 'constructor'])
  assert.equal({}.polluted, undefined)
})

test('a table shows lists and dates without their punctuation', () => {
  assert.equal(cell(['a', 'b']), 'a, b')
  assert.equal(cell(new Date('2020-02-02')), '2020-02-02')
  assert.equal(cell(2 / 3), '0.666667')
})
