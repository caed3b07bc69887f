// The tarball itself: what is in it, and what the linters of packages say.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { relativeLinks, shipped } from '../../pkg-config/documents.mjs'
import { ran } from './support/expected.mjs'
import { bin, pack, packageFolder, run } from './support/project.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))

/** Files that are neither an entry of the exports map nor code that entries share nor types. */
const OTHERS = [
  'CHANGELOG.md',
  'LICENSE-APACHE',
  'LICENSE-MIT',
  'README.md',
  'package.json',
  'dist/glue.js',
  'dist/sync_glue.js',
  'dist/wasm.js',
  'dist/wasm_source.js',
]

test('the tarball holds the entries, their code and types, the licences, the README and the changelog, and nothing else', () => {
  const { files, size, unpacked } = pack()
  const entries = Object.values(manifest.exports)
    .flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)))
    .map((file) => file.slice('./'.length))
  const expected = new Set([...OTHERS, ...entries])
  const held = files.map(({ path }) => path)
  const unexpected = held.filter(
    (path) => !expected.has(path) && !/^dist\/shared-\w{8}\.js$/.test(path) && !/^dist\/types\/[\w/-]+\.d\.ts$/.test(path),
  )
  assert.deepEqual(unexpected, [])
  assert.deepEqual([...expected].filter((path) => !held.includes(path)), [])
  const [megabytes, whole] = [size, unpacked].map((bytes) => (bytes / 1024 / 1024).toFixed(1))
  ran('npm', 'pack', `${held.length} files, ${megabytes} MiB, ${whole} MiB unpacked`)
})

test('no relative link of the README or the changelog leads out of the tarball', () => {
  const held = new Set(pack().files.map(({ path }) => path))
  for (const name of ['README.md', 'CHANGELOG.md']) {
    const text = readFileSync(join(packageFolder, name), 'utf8')
    assert.ok(text.length > 1000, name)
    assert.deepEqual(relativeLinks(text).filter((link) => !held.has(link.split('#')[0])), [], name)
  }
})

test('links to what is not shipped lead to the repository, and are text without one', () => {
  const text = 'see [a](docs/A.md#b), [all](docs), [c](C.md), [web](https://example.com) and `[code](docs/A.md)`'
  const told = (repository) => shipped(text, { ships: (path) => path === 'C.md', repository, version: '1.2.3' })
  const rest = '[c](C.md), [web](https://example.com) and `[code](docs/A.md)`'
  assert.equal(told(undefined), `see a, all, ${rest}`)
  const home = 'https://github.com/owner/name'
  for (const address of [home, `git+${home}.git`])
    assert.equal(told(address), `see [a](${home}/blob/v1.2.3/docs/A.md#b), [all](${home}/tree/v1.2.3/docs), ${rest}`)
  assert.deepEqual(relativeLinks(text), ['docs/A.md#b', 'docs', 'C.md'])
})

test('nothing is depended on, and every peer is optional', () => {
  assert.equal(manifest.dependencies, undefined)
  for (const name of Object.keys(manifest.peerDependencies ?? {}))
    assert.equal(manifest.peerDependenciesMeta[name]?.optional, true, name)
})

test('types come first, then hosts that know `browser` or `node` besides their own condition', () => {
  const order = ['types', 'workerd', 'edge-light', 'deno', 'bun', 'browser', 'node', 'default']
  assert.deepEqual(Object.keys(manifest.exports['.']), order)
})

test('publint finds nothing, strictly', () => {
  const said = run(bin(here, 'publint'), ['--strict', packageFolder], { cwd: here })
  assert.match(said, /All good!/)
  ran('publint', 'strict', 'all good')
})

test('attw finds no wrong types for consumers of modules', () => {
  run(bin(here, 'attw'), [pack().file, '--profile', 'esm-only', '--no-emoji'], { cwd: here })
  ran('attw', 'esm-only', 'no problem')
})

test('an entry that grew above its limit is named', () => {
  const folder = resolve(here, '../../target/packaging/too-large')
  rmSync(folder, { recursive: true, force: true })
  cpSync(packageFolder, folder, { recursive: true })
  // What is large takes long to compress, and is not what is tested.
  for (const name of readdirSync(join(folder, 'dist')))
    if (statSync(join(folder, 'dist', name)).size > 100_000) writeFileSync(join(folder, 'dist', name), '')
  appendFileSync(join(folder, 'dist/react.js'), `//${randomBytes(4096).toString('hex')}`)
  const measure = () => run(process.execPath, [resolve(here, '../../src/xtask/tools/sizes.mjs'), folder], { cwd: here })
  assert.throws(measure, ({ message }) => {
    assert.deepEqual(message.match(/^limit .*TOO LARGE$/gm)?.map((line) => line.split(':')[0]), ['limit tidewell/react'])
    return true
  })
})
