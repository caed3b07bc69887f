// No bundler: the package's own files from a static server.
import { test } from 'node:test'
import { expectPage, useBrowser } from './support/page.mjs'
import { project } from './support/project.mjs'
import { serveStatic } from './support/server.mjs'

const held = useBrowser()

test('a page without a bundler imports the package from a static server', async () => {
  const server = await serveStatic(project('pages', 'plain'))
  try {
    const scenarios = ['page', "the package's worker", "an application's worker", 'a service worker']
    await expectPage(held, `${server.origin}/`, 'plain modules', scenarios)
  } finally {
    await server.stop()
  }
})
