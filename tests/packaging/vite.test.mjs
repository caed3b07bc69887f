// Vite, the current version and the one before: its dev server, and what it builds.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectPage, useBrowser } from './support/page.mjs'
import { bin, project, run, start } from './support/project.mjs'
import { serveStatic } from './support/server.mjs'

const SCENARIOS = ['page', "the package's worker", "an application's worker", 'a service worker']
const held = useBrowser()

for (const [version, fixtures] of [
  ['Vite 8', ['pages', 'vite']],
  ['Vite 7', ['pages', 'vite', 'vite7']],
]) {
  test(`${version} serves the package in development without configuration`, async () => {
    const folder = project(...fixtures)
    rmSync(join(folder, 'node_modules/.vite'), { recursive: true, force: true })
    const server = await start(bin(folder, 'vite'), ['--port', version === 'Vite 8' ? '5183' : '5173'], { cwd: folder })
    try {
      await expectPage(held, server.origin, `${version} dev`, SCENARIOS)
    } finally {
      await server.stop()
    }
  })

  test(`${version} builds the package without configuration`, async () => {
    const folder = project(...fixtures)
    run(bin(folder, 'vite'), ['build', '--logLevel', 'warn'], { cwd: folder })
    const server = await serveStatic(join(folder, 'dist'))
    try {
      await expectPage(held, `${server.origin}/`, `${version} build`, SCENARIOS)
    } finally {
      await server.stop()
    }
  })
}
