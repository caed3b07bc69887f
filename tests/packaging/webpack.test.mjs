// webpack 5, as it comes.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectPage, useBrowser } from './support/page.mjs'
import { bin, project, run } from './support/project.mjs'
import { serveStatic } from './support/server.mjs'

const held = useBrowser()

test('webpack 5 builds the package without configuration', async () => {
  const folder = project('pages', 'webpack')
  run(bin(folder, 'webpack'), [], { cwd: folder })
  cpSync(join(folder, 'index.html'), join(folder, 'dist/index.html'))
  const server = await serveStatic(join(folder, 'dist'))
  try {
    const scenarios = ['page', "the package's worker", "an application's worker", 'a service worker']
    await expectPage(held, `${server.origin}/`, 'webpack 5', scenarios)
  } finally {
    await server.stop()
  }
})
