/** Claims about storage in files: the journal against a model, cut and damaged in every way. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Journal } from '../src/files/journal.js'
import { FileStore, openFiles } from '../src/files/store.js'
import { inFolder } from './in_folder.js'

const names = (...triples: number[][]) => Float64Array.from(triples.flat())
const NONE = names()
const open = (folder: string) =>
  new FileStore(new Journal(folder), { check: () => undefined, release: () => undefined })
const journalOf = (folder: string) => {
  const [name] = readdirSync(folder).filter((each) => each.startsWith('journal-'))
  return join(folder, name ?? '')
}

/** Numbers from a seed. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

type Model = Map<string, string>

/** One commit on both: some deleted, some written. */
function step(store: FileStore, model: Model, next: (below: number) => number, strict: boolean): void {
  const deletes = next(4) === 0 ? [[next(3), next(8), next(8) + 4]] : []
  for (const [area = 0, first = 0, last = 0] of deletes)
    for (const key of [...model.keys()]) {
      const [of = 0, id = 0] = key.split('/').map(Number)
      if (of === area && id >= first && id <= last) model.delete(key)
    }
  const keys = new Set(Array.from({ length: next(4) }, () => `${next(3)}/${next(12)}/${next(3)}`))
  const writes = [...keys].map(
    (key) => [key.split('/').map(Number), new Uint8Array(next(300)).fill(next(256))] as const,
  )
  store.commit(
    names(...deletes),
    names(...writes.map(([name]) => name)),
    writes.map(([, bytes]) => bytes),
    0,
    NONE,
    strict,
  )
  for (const [name, bytes] of writes) model.set(name.join('/'), Buffer.from(bytes).toString('hex'))
}

function stored(store: FileStore): Model {
  const found: Model = new Map()
  for (const area of [0, 1, 2]) {
    const flat = store.scan(names([area, 0, 2 ** 53 - 1]), Infinity)
    for (let at = 0; at < flat.length; at += 3)
      found.set(
        `${area}/${String(flat[at])}/${String(flat[at + 1])}`,
        Buffer.from(flat[at + 2] as Uint8Array).toString('hex'),
      )
  }
  return found
}

const sorted = (model: Model) => [...model].sort(([a], [b]) => (a < b ? -1 : 1))

test('a journal holds what a map would hold, also when it is opened again', () =>
  inFolder((folder) => {
    for (const seed of [1, 2, 3]) {
      const [next, model] = [random(seed), new Map<string, string>()]
      const path = join(folder, `seed-${seed}`)
      let store = open(path)
      for (let count = 0; count < 300; count++) {
        step(store, model, next, next(5) === 0)
        if (next(20) === 0) {
          store.close()
          store = open(path)
        }
        assert.deepEqual(sorted(stored(store)), sorted(model), `seed ${seed}, commit ${count}`)
      }
      store.close()
    }
  }))

test('blobs come in the order of their names, and no more than asked for', () =>
  inFolder((folder) => {
    const store = open(folder)
    const blob = Uint8Array.of(7)
    store.commit(NONE, names([2, 9, 1], [2, 3, 0], [2, 9, 0], [1, 5, 0]), [blob, blob, blob, blob], 0, NONE, false)
    assert.deepEqual(store.scan(names([2, 0, 100]), 2), [3, 0, blob, 9, 0, blob])
    assert.deepEqual(store.scan(names([2, 4, 100]), 9), [9, 0, blob, 9, 1, blob])
    assert.deepEqual(store.read(names([1, 5, 0], [1, 6, 0])), [blob, undefined])
    store.close()
  }))

test('a blob that must not exist refuses the whole commit, unless the commit deletes it', () =>
  inFolder((folder) => {
    const store = open(folder)
    const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)]
    store.commit(NONE, names([1, 1, 0]), [one], 1, NONE, false)
    const refused = () => store.commit(NONE, names([0, 5, 0], [1, 2, 0], [1, 1, 0]), [two, two, two], 2, NONE, false)
    assert.throws(refused, { disk: 'exists', at: 1 })
    assert.deepEqual(store.read(names([0, 5, 0], [1, 2, 0], [1, 1, 0])), [undefined, undefined, one])
    const reads = store.commit(names([1, 1, 1]), names([1, 1, 0]), [two], 1, names([1, 0, 9]), true)
    assert.deepEqual(reads, [[two]])
    store.close()
    assert.throws(() => store.read(NONE), { disk: 'closed' })
  }))

test('a journal cut anywhere in its last commit opens with the commits before it', () =>
  inFolder((folder) => {
    const path = join(folder, 'cut')
    const store = open(path)
    store.commit(NONE, names([1, 1, 0]), [new Uint8Array(40).fill(1)], 1, NONE, false)
    const whole = readFileSync(journalOf(path)).length
    store.commit(NONE, names([1, 2, 0]), [new Uint8Array(40).fill(2)], 1, NONE, false)
    store.close()
    const bytes = readFileSync(journalOf(path))
    for (let length = bytes.length - 1; length >= whole; length--) {
      writeFileSync(journalOf(path), bytes)
      truncateSync(journalOf(path), length)
      const again = open(path)
      assert.deepEqual([...stored(again).keys()], ['1/1/0'], `cut to ${length} bytes`)
      again.commit(NONE, names([1, 2, 0]), [Uint8Array.of(9)], 1, NONE, false)
      again.close()
      assert.deepEqual([...stored(open(path)).keys()], ['1/1/0', '1/2/0'])
    }
  }))

test('a damaged byte is never read as data: synced before later commits it is reported, behind them it is cut off', () =>
  inFolder((folder) => {
    const path = join(folder, 'damaged')
    const store = open(path)
    for (const id of [1, 2, 3]) store.commit(NONE, names([1, id, 0]), [new Uint8Array(20).fill(id)], 1, NONE, id < 3)
    store.close()
    const file = journalOf(path)
    const bytes = readFileSync(file)
    const last = bytes.lastIndexOf('TWRECORD')
    let [reported, cut] = [0, 0]
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] as number) ^ 0x10
      writeFileSync(file, damaged)
      try {
        const again = open(path)
        assert.ok(at >= last, `damage at ${at} was not noticed`)
        assert.deepEqual([...stored(again).keys()], ['1/1/0', '1/2/0'])
        again.close()
        cut++
      } catch (error) {
        assert.equal((error as { disk?: unknown }).disk, 'lost', `damage at ${at}: ${String(error)}`)
        reported++
      }
    }
    assert.equal(reported, last)
    assert.equal(cut, bytes.length - last)
  }))

test('a journal that is mostly garbage is written anew, and one that was half written is not minded', () =>
  inFolder((folder) => {
    const path = join(folder, 'compact')
    let store = open(path)
    const big = (value: number) => new Uint8Array(512 * 1024).fill(value)
    for (let count = 0; count < 40; count++) store.commit(NONE, names([1, count % 2, 0]), [big(count)], 0, NONE, false)
    assert.ok(readFileSync(journalOf(path)).length < 8 * 1024 * 1024)
    assert.equal(readdirSync(path).filter((name) => name.startsWith('journal-')).length, 1)
    store.close()
    writeFileSync(join(path, 'compact.tmp'), 'half')
    store = open(path)
    assert.deepEqual(store.read(names([1, 0, 0], [1, 1, 0])), [big(38), big(39)])
    store.close()
  }))

test('a folder is held by one at a time, until it is let go of', () =>
  inFolder((folder) => {
    const first = openFiles(folder, 'notes/1')
    assert.throws(() => openFiles(folder, 'notes/1'), {
      code: 'unavailable',
      message: /this process, which has it open/,
    })
    openFiles(folder, 'notes%2F1').close()
    first.close()
    openFiles(folder, 'notes/1').close()
    assert.equal(readdirSync(folder).length, 2)
    openFiles(folder, '..').close()
    openFiles(folder, 'Notes/1').close()
    openFiles(folder, 'x'.repeat(128).replaceAll('x', 'é')).close()
    assert.equal(new Set(readdirSync(folder).map((each) => each.toLowerCase())).size, 5, 'names stay inside the folder')
  }))
