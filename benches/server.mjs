// Bundles the engines and serves the bench page, cross-origin isolated: only then does the clock tick in microseconds.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { dirname, extname, join, normalize, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '..')
const out = join(root, 'target/bench')
const pack = resolve(process.env.TIDEWELL_PACKAGE ?? join(root, 'target/npm/tidewell'))
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' }
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
}

/** Puts the engines, minified as an application would have them, into `target/bench`. */
const bundle = async (entries) => {
  await mkdir(out, { recursive: true })
  await build({
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(here, file)])),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: out,
    external: ['/tidewell.js'],
    logLevel: 'error',
  })
  await copyFile(join(here, 'node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm'), join(out, 'sqlite3.wasm'))
}

const entry = () => {
  const { exports } = JSON.parse(readFileSync(join(pack, 'package.json'), 'utf8'))
  const browser = exports['.'].browser ?? exports['.'].default
  return `export * from '/pkg/${normalize(typeof browser === 'string' ? browser : browser.default)}'\n`
}

/** The page that runs a bundle and has nothing else. */
const pageOf = (name) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Tidewell benchmark: ${name}</title>
    <link rel="icon" href="data:," />
    <script type="module" src="/bench/${name}.js"></script>
  </head>
  <body></body>
</html>
`

const answer = async (path) => {
  if (path === '/tidewell.js') return { body: entry(), type: TYPES['.js'] }
  const page = /^\/bench\/([a-z-]+)\.html$/.exec(path)
  if (page !== null) return { body: pageOf(page[1]), type: TYPES['.html'] }
  const [folder, rest] = path.startsWith('/pkg/') ? [pack, path.slice(5)] : [out, path.replace(/^\/bench\//, '')]
  const file = resolve(folder, normalize(rest))
  if (!file.startsWith(folder + sep)) return undefined
  return { body: await readFile(file).catch(() => undefined), type: TYPES[extname(file)] ?? 'application/octet-stream' }
}

/** Bundles and serves the benchmark of documents; `close()` ends the server. */
export const serveBench = async (engines) => {
  const entries = [...engines.map((name) => `engines/${name}.js`), 'engines/sqlite-worker.js', 'page.js']
  await bundle(Object.fromEntries(entries.map((file) => [file.split('/').at(-1).slice(0, -3), file])))
  return serve()
}

/** The same for the benchmark of search, over the test data in `folder`. */
export const serveSearch = async (engines, folder) => {
  const entries = Object.fromEntries(engines.map((name) => [`search-${name}`, `search/${name}.js`]))
  await bundle({ ...entries, 'fts5-worker': 'search/fts5-worker.js', 'search-page': 'search/page.js' })
  return serve((path) => {
    const file = path.startsWith('/data/') ? resolve(folder, normalize(path.slice(6))) : ''
    return file.startsWith(folder + sep) && file.endsWith('.gz') ? { body: gunzipSync(readFileSync(file)), type: 'text/plain; charset=utf-8' } : undefined
  })
}

/** The same for the benchmark of jobs. */
export const serveJobs = async (engines) => {
  const entries = Object.fromEntries(engines.map((name) => [`jobs-${name}`, `jobs/${name}.js`]))
  await bundle({ ...entries, 'jobs-page': 'jobs/page.js' })
  return serve()
}

/** The same for the benchmark of partitions. */
export const servePartitions = async () => {
  await bundle({ 'jobs-split-page': 'jobs/split-page.js', 'jobs-split-worker': 'jobs/split-worker.js' })
  return serve()
}

/** The same for the benchmark of topics. */
export const serveTopics = async () => {
  await bundle({ 'topics-page': 'topics/page.js' })
  return serve()
}

/** The same for the benchmark of syncing. */
export const serveSync = async (engines) => {
  const entries = Object.fromEntries(engines.map((name) => [`sync-${name}`, `sync/${name}.js`]))
  await bundle({ ...entries, 'sync-page': 'sync/page.js' })
  return serve()
}

const serve = async (more = () => undefined) => {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname
    const found = more(path) ?? (await answer(path).catch(() => undefined))
    if (found?.body === undefined) return response.writeHead(404, ISOLATED).end()
    // Cached like a deployed file, so that a reload has the WebAssembly compiled already.
    response.writeHead(200, { ...ISOLATED, 'content-type': found.type, 'cache-control': 'max-age=3600' }).end(found.body)
  })
  await new Promise((started) => server.listen(0, '127.0.0.1', started))
  const close = () => {
    server.closeAllConnections()
    return new Promise((closed) => server.close(closed))
  }
  return { origin: `http://127.0.0.1:${server.address().port}`, close }
}
