// Runtimes without a page: Node, Deno and Bun. Data lives in memory there; the scenario carries it over by a backup.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectSeen, ran } from './support/expected.mjs'
import { bin, project, run } from './support/project.mjs'

const CARRIED = 'stored, queried, reopened from a backup (memory)'
const seenBy = (output) => JSON.parse(output.trim().split('\n').at(-1))

function expectRun(place, what, output, version = '') {
  expectSeen(seenBy(output), 'memory')
  ran(place, what, version + CARRIED)
}

for (const [what, file] of [
  ['import', 'module.mjs'],
  ['require', 'common.cjs'],
  ['slim, bytes of a file', 'slim.mjs'],
])
  test(`Node runs the package by ${what}, without a warning`, () => {
    // The scenario is a module without a package that says so, which is not what is tested.
    const flags = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', file]
    const output = run(process.execPath, flags, { cwd: project('node'), silent: true })
    expectRun('Node', what, output, `${process.versions.node}: `)
  })

test('Node compiles no WebAssembly before a database is opened', () => {
  const seen = seenBy(run(process.execPath, ['idle.mjs'], { cwd: project('node') }))
  assert.deepEqual(seen, { idle: 0, used: true })
})

test('Deno runs the package with no permission', () => {
  const folder = project('deno')
  const output = run(bin(folder, 'deno'), ['run', '--no-prompt', '--cached-only', 'main.js'], { cwd: folder })
  expectRun('Deno', 'import', output)
})

test('Bun runs the package, by import and require', () => {
  const folder = project('bun')
  expectRun('Bun', 'import', run(bin(folder, 'bun'), ['main.js'], { cwd: folder }))
  expectRun('Bun', 'require', run(bin(folder, 'bun'), ['common.cjs'], { cwd: folder }))
})

test("Bun's bundler and its compiler take the WebAssembly along", () => {
  const folder = project('bun')
  const bun = bin(folder, 'bun')
  run(bun, ['build', 'main.js', '--target', 'bun', '--outdir', 'out'], { cwd: folder })
  expectRun('Bun', 'bundled', run(bun, ['out/main.js'], { cwd: folder }))
  run(bun, ['build', 'main.js', '--compile', '--outfile', 'program'], { cwd: folder })
  expectRun('Bun', 'compiled', run(join(folder, 'program'), [], { cwd: '/' }))
})
