// Serves the playground and the built package on localhost: `node www/serve.mjs --package target/npm/tidewell [--port 4173]`.
// It sends the Content-Security-Policy that the package promises to live with. It is not a server for the world.
import { createServer } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join, normalize, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { package: { type: 'string', default: 'target/npm/tidewell' }, port: { type: 'string', default: '4173' } } })
const page = dirname(fileURLToPath(import.meta.url))
const pack = resolve(values.package)

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.gz': 'application/gzip',
}
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'"

const below = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join('/'))

/** Entry points that a page under this server never loads. */
const OTHER_HOSTS = /^(node|deno|bun|workerd|edge-light|inline|slim|wasm)\.js$/

/** What the service worker keeps: the page's files and those of the package that a browser loads. */
const fileList = () => {
  const ours = below(page).filter((name) => !name.endsWith('.mjs') && !name.endsWith('.md'))
  const theirs = below(join(pack, 'dist')).filter((name) => /\.(js|wasm)$/.test(name) && !OTHER_HOSTS.test(name))
  return JSON.stringify(['./', ...ours, 'src/tidewell.js', ...theirs.map((name) => `tidewell/dist/${name}`)])
}

/** The module the page imports as the package: whatever its exports map gives a browser. */
const entry = () => {
  const { exports } = JSON.parse(readFileSync(join(pack, 'package.json'), 'utf8'))
  const browser = exports['.'].browser ?? exports['.'].default
  return `export * from '../tidewell/${normalize(typeof browser === 'string' ? browser : browser.default)}'\n`
}

const answer = async (path) => {
  if (path === '/files.json') return { body: fileList(), type: TYPES['.json'] }
  if (path === '/src/tidewell.js') return { body: entry(), type: TYPES['.js'] }
  const isPackage = path.startsWith('/tidewell/')
  const folder = isPackage ? pack : page
  const file = resolve(folder, normalize(isPackage ? path.slice('/tidewell/'.length) : path.slice(1) || 'index.html'))
  if (!file.startsWith(folder + sep)) return undefined
  try {
    return { body: await readFile(file), type: TYPES[extname(file)] ?? 'application/octet-stream' }
  } catch {
    return undefined
  }
}

const server = createServer(async (request, response) => {
  try {
    const found = await answer(decodeURIComponent(new URL(request.url, 'http://localhost').pathname))
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
