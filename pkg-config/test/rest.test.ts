/** The second half of the program: who asks for it while an attempt is under way that fails, and who asks alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rest } from '../src/local/rest.js'

// A module of nothing: linking it needs no more than the exports below.
const EMPTY = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const exports = {
  $t0: new WebAssembly.Table({ element: 'anyfunc', initial: 1 }),
  $lent: new WebAssembly.Global({ value: 'i32' }, 1),
  $ready: new WebAssembly.Global({ value: 'i32', mutable: true }, 0),
}

function restThat(...attempts: (() => Promise<WebAssembly.Module>)[]): { rest: Rest; left: () => number } {
  const compile = () => attempts.shift()?.() ?? Promise.reject(new Error('asked once more'))
  const rest = new Rest({ compile, compileNow: () => new WebAssembly.Module(EMPTY) })
  rest.belongsTo(exports, {})
  return { rest, left: () => attempts.length }
}

const fails = () => Promise.reject(new Error('no network'))
const arrives = () => WebAssembly.compile(EMPTY)

test('who waits for an attempt that fails has one of its own', async () => {
  const { rest, left } = restThat(fails, arrives)
  const before = rest.arrive()
  const asked = rest.ready()
  await assert.rejects(before, { code: 'unavailable' })
  assert.equal(rest.isAwaited, true, 'commands behind it wait, too')
  await asked
  assert.deepStrictEqual([rest.isThere, left()], [true, 0])
})

test('who begins an attempt that fails is told', async () => {
  const { rest, left } = restThat(fails, arrives)
  await assert.rejects(rest.ready(), { code: 'unavailable' })
  assert.deepStrictEqual([rest.isAwaited, left()], [false, 1])
  await rest.ready()
  assert.equal(rest.isThere, true)
})
