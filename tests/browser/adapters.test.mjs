// The adapters in a real page on IndexedDB: Keyv's own test suite, and the claims of tests/adapters.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counted, scenario } from './support/scenario.mjs'
import { packageFolder } from './support/server.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))

const ADAPTERS = ['abstract-level', 'keyv', 'tanstack-db', 'tanstack-query', 'unstorage']

const bundle = async () => {
  const { build } = createRequire(join(root, 'pkg-config/package.json'))('esbuild')
  const built = (name) => join(packageFolder, 'dist', `${name}.js`)
  const { outputFiles } = await build({
    entryPoints: [join(root, 'tests/adapters/page.mjs')],
    alias: Object.fromEntries(ADAPTERS.map((name) => [`tidewell/${name}`, built(name)])),
    // What the entries import is looked for beside the tests.
    nodePaths: [join(root, 'tests/adapters/node_modules')],
    define: { 'process.env.NODE_ENV': '"production"' },
    ...{ bundle: true, format: 'iife', globalName: 'adapters', target: 'es2022', write: false },
  })
  return outputFiles[0].text
}

scenario("Keyv's own test suite and the claims about all adapters hold in a page", async (scene) => {
  const page = await scene.page()
  await page.addScriptTag({ content: await bundle() })
  const { suite, claims, failures } = await page.evaluate(() => adapters.runAdapters())
  assert.deepEqual(failures, [])
  assert.ok(suite > 40 && claims > 25, `${suite} and ${claims}`)
  counted(`${suite} tests of @keyv/test-suite and ${claims} claims about adapters in a page`)
})
