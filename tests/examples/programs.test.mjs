// The examples that are programs: the journal in Node, the worker in workerd; and what all package.json files say.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ran } from '../packaging/support/expected.mjs'
import { packageFolder, run } from '../packaging/support/project.mjs'
import { bin, example, installed, manifest } from './support/examples.mjs'

const NAMES = ['edge-worker', 'next', 'node', 'react', 'vanilla', 'vue']

test('every example asks for this version of the package, and for what the tests install', () => {
  const { version } = createRequire(import.meta.url)(join(packageFolder, 'package.json'))
  for (const name of NAMES) {
    const { tidewell, ...others } = { ...manifest(name).dependencies, ...manifest(name).devDependencies }
    assert.equal(tidewell, `^${version}`, name)
    for (const [other, wanted] of Object.entries(others)) assert.equal(wanted, installed[other], `${name}: ${other}`)
  }
})

test('node: what is added is found by a typo, listed, counted by tag, backed up and restored', () => {
  const folder = example('node')
  const data = mkdtempSync(join(tmpdir(), 'tidewell-journal-'))
  const journal = (...words) => run(process.execPath, ['journal.js', ...words], { cwd: folder, env: { JOURNAL: join(data, 'a') }, silent: true })
  try {
    journal('add', 'Saw a porpoise off the pier #sea #animals')
    journal('add', 'Read about tide tables #sea')
    assert.match(journal('search', 'porpose'), /Saw a porpoise/)
    assert.equal(journal('list', 'sea').trim().split('\n').length, 2)
    assert.equal(journal('tags'), '    2 #sea\n    1 #animals\n')
    writeFileSync(join(data, 'backup'), journal('backup'))
    const env = { JOURNAL: join(data, 'b') }
    assert.equal(run(process.execPath, ['journal.js', 'restore', join(data, 'backup')], { cwd: folder, env }), '2 entries\n')
    assert.match(run(process.execPath, ['journal.js', 'list'], { cwd: folder, env }), /tide tables/)
    assert.throws(() => journal('add'), /journal: add what/)
    ran('node', 'files', 'added, searched with a typo, counted, backed up, restored')
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})

test('edge-worker: what wrangler bundles answers searches in workerd', async () => {
  const folder = example('edge-worker')
  const env = { WRANGLER_SEND_METRICS: 'false', CI: '1', WRANGLER_LOG: 'warn' }
  run(bin('wrangler'), ['deploy', '--dry-run', '--outdir', 'dist'], { cwd: folder, env })
  const { Miniflare } = createRequire(bin('x'))('miniflare')
  const beside = readdirSync(join(folder, 'dist')).filter((name) => name.endsWith('.wasm'))
  const miniflare = new Miniflare({
    modulesRoot: join(folder, 'dist'),
    modules: [{ type: 'ESModule', path: join(folder, 'dist/worker.js') }, ...beside.map((name) => ({ type: 'CompiledWasm', path: join(folder, 'dist', name) }))],
    compatibilityDate: '2026-04-01',
  })
  try {
    const ask = async (path, status = 200) => {
      const response = await miniflare.dispatchFetch(`http://localhost${path}`)
      assert.equal(response.status, status, path)
      return status === 404 ? undefined : response.json()
    }
    assert.equal((await ask('/search?q=sychronous')).hits[0].title, 'Synchronous Machines')
    const tides = await ask('/search?q=tide&shelf=sea')
    assert.deepEqual(tides.shelves, [{ value: 'sea', count: tides.total }])
    assert.equal((await ask('/suggest?q=mach')).completions[0].term, 'machines')
    assert.deepEqual((await ask('/')).shelves[0], { _id: 'sea', count: 3 })
    await ask('/nothing', 404)
    ran('edge-worker', 'wrangler, workerd', 'searched with a typo, facets, suggestions, a computed entry')
  } finally {
    await miniflare.dispose()
  }
})
