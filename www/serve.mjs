// Serves the playground and the built package on localhost: `node www/serve.mjs --package target/npm/tidewell [--port 4173]`, and passes
// requests below `sync/<device>/` on to a sync server: one that it starts, `--sync-program … --sync-folder …`, or one that runs already,
// `--sync http://localhost:4174 --token …`.
// It sends the Content-Security-Policy that the package promises to live with. It is not a server for the world.
import { createServer, request as ask } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, normalize, resolve, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { madeFiles, pages, POLICY } from './site.mjs'
import { startSyncServer } from './sync.mjs'

const { values } = parseArgs({
  options: {
    package: { type: 'string', default: 'target/npm/tidewell' },
    port: { type: 'string', default: '4173' },
    sync: { type: 'string' },
    token: { type: 'string' },
    'sync-program': { type: 'string' },
    'sync-folder': { type: 'string', default: 'target/demo' },
  },
})
const pack = resolve(values.package)
const program = values['sync-program']
const sync =
  program !== undefined ? await startSyncServer(program, resolve(values['sync-folder'])) : values.sync === undefined ? undefined : { url: values.sync, token: values.token }

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.gz': 'application/gzip',
}

const typeOf = (file) => TYPES[extname(file)] ?? 'application/octet-stream'

const answer = async (path) => {
  const name = path.slice(1)
  if (name === 'sync.json' && sync !== undefined) return { body: JSON.stringify({ url: 'sync', token: sync.token }), type: TYPES['.json'] }
  const made = madeFiles(pack)[name]
  if (made !== undefined) return { body: made, type: typeOf(name) }
  const isPackage = path.startsWith('/tidewell/')
  const folder = isPackage ? pack : pages
  const file = resolve(folder, normalize(isPackage ? path.slice('/tidewell/'.length) : name || 'index.html'))
  if (!file.startsWith(folder + sep)) return undefined
  try {
    return { body: await readFile(file), type: typeOf(file) }
  } catch {
    return undefined
  }
}

/** Passes a device's request on to the sync server, and its answer back as it comes. */
const passOn = (request, response, path) => {
  const address = new URL(sync.url)
  // Set, not resolved: a path that begins with two slashes would name another host.
  address.pathname = path.replace(/^\/sync\/[^/]+/, '')
  const headers = { ...request.headers, host: address.host }
  const onward = ask(address, { method: request.method, headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.headers)
    response.flushHeaders()
    answered.pipe(response)
  })
  onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

const server = createServer(async (request, response) => {
  try {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname)
    if (sync !== undefined && path.startsWith('/sync/')) return passOn(request, response, path)
    const found = await answer(path)
    const headers = { 'cache-control': 'no-cache', 'content-security-policy': POLICY }
    if (found === undefined) return response.writeHead(404, headers).end('not found')
    response.writeHead(200, { ...headers, 'content-type': found.type, 'content-length': Buffer.byteLength(found.body) }).end(found.body)
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
})
server.on('error', (error) => {
  console.error(error.code === 'EADDRINUSE' ? `port ${values.port} is taken: choose another with --port` : String(error))
  process.exitCode = 1
})
server.listen(Number(values.port), 'localhost', () => {
  console.log(`\n  The playground is at  http://localhost:${server.address().port}/\n  (Ctrl+C stops it.)\n`)
})
