// esbuild, which does not follow addresses: with the files copied, with the slim entry, and with the inline one.
import { join } from 'node:path'
import { before, test } from 'node:test'
import { expectPage, useBrowser } from './support/page.mjs'
import { project, run } from './support/project.mjs'
import { serveStatic } from './support/server.mjs'

const held = useBrowser()
let folder
before(() => {
  folder = project('pages', 'esbuild')
  run(process.execPath, ['build.js'], { cwd: folder })
})

const slim = ['an address', 'a URL', 'bytes', 'a module', 'halves', 'compiled halves'].map((how) => `slim, ${how}`)
for (const [claim, output, scenarios] of [
  [
    'esbuild bundles the package when its files are copied beside',
    'dist',
    ['page', "the package's worker", "an application's worker", 'a service worker'],
  ],
  ['the slim entry takes the WebAssembly in every form', 'dist-slim', slim],
  ['the inline entry is one script', 'dist-inline', ['inline']],
])
  test(claim, async () => {
    const server = await serveStatic(join(folder, output))
    try {
      await expectPage(held, `${server.origin}/`, 'esbuild', scenarios)
    } finally {
      await server.stop()
    }
  })
