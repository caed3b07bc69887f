// workerd, by miniflare: the package as it lies in node_modules, and bundled. Data lives in memory there.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { expectSeen, ran } from './support/expected.mjs'
import { bin, project, run } from './support/project.mjs'

/** The scenario, then requests that share a database: 3 one after another, 20 at once. */
function expectServed(what, output) {
  const [seen, ...counts] = JSON.parse(output.trim().split('\n').at(-1))
  expectSeen(seen, 'memory')
  assert.deepEqual(counts, [1, 2, 3, 23])
  ran('workerd', what, 'stored, queried, reopened from a backup (memory); one database over 24 requests')
}

test('workerd runs the package when it is bundled for it', () => {
  const folder = project('workerd')
  const flags = ['--bundle', '--format=esm', '--conditions=workerd,worker,browser', '--loader:.wasm=copy']
  run(bin(folder, 'esbuild'), ['worker.js', ...flags, '--outdir=out'], { cwd: folder })
  expectServed('bundled', run(process.execPath, ['serve.mjs', 'out/worker.js', 'out'], { cwd: folder }))
})

test('workerd runs the package unbundled, by the file the exports map names for it', () => {
  const folder = project('workerd')
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/tidewell/package.json'), 'utf8'))
  const entry = join('node_modules/tidewell', manifest.exports['.'].workerd)
  const source = readFileSync(join(folder, 'worker.js'), 'utf8').replace("'tidewell'", `'./${entry}'`)
  writeFileSync(join(folder, 'worker.js'), source)
  expectServed('unbundled', run(process.execPath, ['serve.mjs', 'worker.js', '.', dirname(entry)], { cwd: folder }))
})
