// The snippets that export something: modules in Node, workers and objects on real workerd.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { transformSync } from 'esbuild'
import { Device, SECRET, token } from '../../edge/support/device.mjs'
import { inFolder, serve } from '../../edge/support/host.mjs'
import { root } from './pages.mjs'

const here = dirname(fileURLToPath(import.meta.url))

/** The module as JavaScript in a file of its own. */
function written(folder, file, { lines }, more = '') {
  const { code } = transformSync(`${lines.join('\n')}\n${more}`, { loader: 'ts', target: 'es2022' })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, file), code)
  return join(folder, file)
}

const onWorkerd = (snippet, name, more, classes, options, use) =>
  inFolder(async (data) => {
    const file = written(join(root, 'target/docs', name), `${name}.js`, snippet, more)
    await use(await serve(`docs-${name}`, data, classes, { file, ...options }))
  })

/** An object with a database answers searches. */
export const room = (snippet, name) => {
  const more = `
    export class Filled extends Room {
      async fetch(request) {
        if (request.method === 'POST') await this.notes.insert(await request.json())
        return super.fetch(request)
      }
    }
    export default { fetch: (request, env) => env.ROOMS.get(env.ROOMS.idFromName('one')).fetch(request) }`
  return onWorkerd(snippet, name, more, { ROOMS: 'Filled' }, {}, async ({ ask }) => {
    for (const title of ['High tide', 'Ebb']) await ask('', { method: 'POST', body: JSON.stringify({ id: title, title, tag: 'sea' }) })
    assert.deepEqual((await ask('?q=tide')).hits.map(({ id }) => id), ['High tide'])
  })
}

/** A sync server: one device pushes, another pulls. */
export const tenant = (snippet, name) =>
  onWorkerd(snippet, name, '', { TENANTS: 'Tenant' }, { bindings: { TIDEWELL_SECRET: SECRET } }, async ({ origin }) => {
    await new Device(origin, token({})).push([{ c: 'notes', id: 'a', put: { id: 'a', text: 'tide' } }])
    const pulled = await new Device(origin, token({ sub: 'bob' })).pull()
    assert.equal(pulled.get('a')?.text, 'tide')
  })

/** A worker without storage searches what it has fetched. */
export const catalogue = (snippet, name) => {
  const asked = []
  const outboundService = (request) => {
    asked.push(request.url)
    return Response.json([{ id: '1', name: 'Tide clock' }, { id: '2', name: 'Barometer' }])
  }
  return onWorkerd(snippet, name, '', {}, { outboundService }, async ({ ask }) => {
    assert.deepEqual(await ask('?q=ti'), [{ id: '1', name: 'Tide clock' }])
    assert.deepEqual(await ask('?q=baro'), [{ id: '2', name: 'Barometer' }])
    assert.deepEqual(asked, ['https://example.com/products.json'], 'it is fetched once')
  })
}

/** A module that the rest of an application imports. */
export async function databaseModule(snippet, name) {
  const { db, notes } = await import(pathToFileURL(written(join(here, '../elsewhere.tmp'), `${name}.mjs`, snippet)).href)
  await notes.insert({ id: 'a', title: 'Tide' })
  assert.equal((await notes.find({ title: 'Tide' }).first())?.id, 'a')
  await db.close()
}
