/** Claims about the built package: its exports map, its types without a host's, what its code must not contain. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const root = process.env['TIDEWELL_PACKAGE'] ?? ''
const skip = existsSync(join(root, 'package.json')) ? false : `${root} is not built: run cargo xtask build`

type Exports = Record<string, string | Record<string, string>>
const manifest =
  skip === false
    ? (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
        exports: Exports
        sideEffects: string[]
        dependencies?: object
      })
    : undefined
const scripts = () => readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.js'))

test('every file the exports map names exists, types come first', { skip }, () => {
  for (const [path, target] of Object.entries(manifest?.exports ?? {})) {
    const conditions = typeof target === 'string' ? { default: target } : target
    for (const file of Object.values(conditions)) assert.ok(existsSync(join(root, file)), `${path}: ${file}`)
    if (typeof target !== 'string') assert.equal(Object.keys(target)[0], 'types', path)
  }
  for (const file of manifest?.sideEffects ?? []) assert.ok(existsSync(join(root, file)), file)
  assert.equal(manifest?.dependencies, undefined, 'nothing is depended on')
})

test('no file evaluates text, and only the entries with an asset name one', { skip }, () => {
  for (const name of scripts()) {
    const text = readFileSync(join(root, 'dist', name), 'utf8')
    assert.ok(!/\beval\(|new Function\(/.test(text), name)
    const asset = /new URL\(["']\.\/tidewell_bg\.wasm/.test(text)
    assert.equal(asset, ['browser.js', 'worker.js', 'single.js'].includes(name), name)
  }
})

/** Compiles `source` as the consumer of the installed package. */
function compiles(source: string, lib: string): void {
  const project = mkdtempSync(join(tmpdir(), 'tidewell-consumer-'))
  try {
    mkdirSync(join(project, 'node_modules'))
    symlinkSync(root, join(project, 'node_modules/tidewell'))
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    writeFileSync(join(project, 'index.ts'), source)
    const tsc = createRequire(join(process.cwd(), 'package.json')).resolve('typescript/bin/tsc')
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false']
    for (const [module, resolution] of [
      ['ESNext', 'bundler'],
      ['NodeNext', 'NodeNext'],
    ] as const) {
      const options = [...strict, '--lib', lib, '--target', 'ES2022', '--noEmit', '--module', module]
      const { status, stdout } = spawnSync(
        process.execPath,
        [tsc, ...options, '--moduleResolution', resolution, 'index.ts'],
        { cwd: project, encoding: 'utf8' },
      )
      assert.equal(status, 0, stdout)
    }
  } finally {
    rmSync(project, { recursive: true })
  }
}

test('a consumer without DOM or Node types compiles, in every module resolution', { skip }, () => {
  compiles(CONSUMER, 'ES2022')
})

/** Entries whose types need those of a page, or of the library they are for. */
const FOR_OTHERS = ['./inspector', './react', './vue', './solid', './abstract-level']

test('every other entry compiles without DOM or Node types, too', { skip }, () => {
  const entries = Object.keys(manifest?.exports ?? {}).filter((path) => path !== './package.json')
  for (const path of FOR_OTHERS) assert.ok(entries.includes(path), path)
  const names = entries.filter((path) => !FOR_OTHERS.includes(path)).map((path) => `tidewell${path.slice(1)}`)
  for (const name of ['tidewell', 'tidewell/edge', 'tidewell/edge-sync', 'tidewell/migrate'])
    assert.ok(names.includes(name), name)
  const imports = names.map(
    (name, at) => `import * as entry${at} from '${name}'\nexport const all${at}: object = entry${at}`,
  )
  compiles(imports.join('\n'), 'ES2022')
})

test("the README's example compiles", { skip }, () => {
  const readme = readFileSync(join(process.cwd(), '../README.md'), 'utf8')
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
  assert.ok(example?.includes("from 'tidewell'"), 'the first TypeScript block imports the package')
  compiles(example ?? '', 'ES2022,DOM')
})

test('the entries that are one file load no code later, but for modules of the application', { skip }, () => {
  for (const name of ['worker.js', 'single.js']) {
    const loads = readFileSync(join(root, 'dist', name), 'utf8').match(/\bimport\((?:\/\*.*?\*\/)?[^)]*/g) ?? []
    assert.equal(loads.filter((load) => /['"`]/.test(load)).length, 0, `${name}: ${loads.join(' ')}`)
  }
})

test('Node imports and requires the package', { skip }, () => {
  const { open, TidewellError } = createRequire(import.meta.url)(
    join(root, 'dist/node.js'),
  ) as typeof import('../src/index.js')
  assert.equal(typeof open, 'function')
  assert.equal(new TidewellError('closed', 'x').code, 'closed')
})

const CONSUMER = `
import { open, TidewellError, type Filter } from 'tidewell'
import { init } from 'tidewell/slim'
interface Note { id: string; title: string; done: boolean; due?: Date }
export async function main() {
  init('https://example.com/tidewell_bg.wasm')
  const db = await open('app', { worker: true })
  const notes = db.collection<Note>('notes', { indexes: ['title', ['done', 'due']] })
  await notes.insert({ title: 'x', done: false })
  const filter: Filter<Note> = { done: false, due: { $lt: new Date() } }
  const titles: string[] = (await notes.find(filter).sort({ due: 1 }).limit(20).project({ title: 1 }).toArray()).map(({ title }) => title)
  for await (const { docs } of notes.find(filter).live()) if (docs.length > 0) break
  const stop = notes.find(filter).subscribe(({ docs, diff }) => [docs, diff?.added])
  stop()
  await db.transaction(async (tx) => tx.collection(notes).update('n1', { $set: { done: true } }))
  const stream: object = db.export().stream()
  db.on('error', (error) => error instanceof TidewellError && error.code)
  await db[Symbol.asyncDispose]()
  // @ts-expect-error no such field
  await notes.find({ nothing: 1 }).toArray()
  return [titles, stream]
}
`
