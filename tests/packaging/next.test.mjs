// Next.js with both of its bundlers: server components, routes, and a page that the server renders and the browser runs.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectSeen, ran } from './support/expected.mjs'
import { expectPage, useBrowser } from './support/page.mjs'
import { bin, project, run, start } from './support/project.mjs'

const held = useBrowser()
const CARRIED = 'stored, queried, reopened from a backup (memory)'

async function served(origin, path) {
  const response = await fetch(origin + path)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return text
}

/** Every route of a running server, and the page of the client. */
async function expectServed(origin, place, reloads) {
  const idle = async () => JSON.parse(await served(origin, '/api/idle'))
  assert.deepEqual(await idle(), { imported: 'function', compiled: 0 })
  for (const [what, path] of [
    ['route on Node', '/api/node'],
    ['route on edge', '/api/edge'],
  ]) {
    expectSeen(JSON.parse(await served(origin, path)), 'memory')
    ran(place, what, CARRIED)
  }
  const [, json] = /<pre>(.*?)<\/pre>/.exec(await served(origin, '/'))
  expectSeen(JSON.parse(json.replaceAll('&quot;', '"')), 'memory')
  ran(place, 'server component', CARRIED)
  const { compiled } = await idle()
  assert.ok(compiled > 0, 'what a route opened was compiled and counted')
  ran(place, 'imported, not used', 'no WebAssembly is compiled')
  assert.match(await served(origin, '/client'), /rendered by the server/)
  await expectPage(held, `${origin}/client`, place, ['page', "the package's worker"], { reloads })
}

async function expectNext(place, command, flags, port) {
  const folder = project('next')
  rmSync(join(folder, '.next'), { recursive: true, force: true })
  if (command === 'start') run(bin(folder, 'next'), ['build', ...flags], { cwd: folder, minutes: 5 })
  const server = await start(bin(folder, 'next'), [command, '--port', port, ...(command === 'dev' ? flags : [])], { cwd: folder })
  try {
    await expectServed(server.origin, place, command === 'dev')
  } finally {
    await server.stop()
  }
}

for (const [bundler, flag, port] of [
  ['Turbopack', '--turbopack', '3183'],
  ['webpack', '--webpack', '3184'],
])
  test(`Next.js built by ${bundler} runs the package on the server and in the browser without configuration`, () =>
    expectNext(`Next.js, ${bundler}`, 'start', [flag], port))

test('Next.js in development runs the package on the server and in the browser without configuration', () =>
  expectNext('Next.js dev', 'dev', [], '3185'))
