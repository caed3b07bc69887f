// Serves the built package and the test pages on a port of its own. Everything below /strict/ comes with the
// Content-Security-Policy that the package promises to live with.
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join, normalize, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const pages = resolve(here, '../pages')
export const packageFolder = resolve(process.env.TIDEWELL_PACKAGE ?? resolve(here, '../../../target/npm/tidewell'))

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}
const STRICT = "default-src 'self'; img-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'"

/** The module a page imports as the package: whatever its exports map gives a browser. */
const entry = async () => {
  const manifest = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'))
  const browser = manifest.exports['.'].browser ?? manifest.exports['.'].default
  return `/pkg/${normalize(typeof browser === 'string' ? browser : browser.default)}`
}

const answer = async (path) => {
  const [folder, rest] = path.startsWith('/pkg/') ? [packageFolder, path.slice(5)] : [pages, path.slice(1) || 'index.html']
  const file = resolve(folder, normalize(rest))
  if (!file.startsWith(folder)) return undefined
  try {
    if (path === '/tidewell.js') return { body: `export * from '${await entry()}'\n`, type: TYPES['.js'] }
    return { body: await readFile(file), type: TYPES[extname(file)] ?? 'application/octet-stream' }
  } catch {
    return undefined
  }
}

/** Starts the server; `close()` ends it with its connections. */
export const serve = async () => {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname)
    const strict = path.startsWith('/strict/')
    const found = await answer(strict ? path.slice('/strict'.length) : path)
    const headers = { 'cache-control': 'no-store', ...(strict ? { 'content-security-policy': STRICT } : {}) }
    if (found === undefined) return response.writeHead(404, headers).end()
    response.writeHead(200, { ...headers, 'content-type': found.type }).end(found.body)
  })
  await new Promise((started) => server.listen(0, '127.0.0.1', started))
  const origin = `http://127.0.0.1:${server.address().port}`
  return {
    origin,
    close: () => {
      server.closeAllConnections()
      return new Promise((closed) => server.close(closed))
    },
  }
}
