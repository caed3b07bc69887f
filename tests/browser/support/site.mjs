// The playground as `cargo xtask www` writes it, on a static host that knows nothing of it, below a path.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, extname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageFolder } from './server.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
/** What every static host knows. */
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/** Builds it and serves it at `/some/where/`; answers its address, and how to end the host and what it serves. */
export const serveSite = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewell-www-'))
  execFileSync(process.execPath, ['www/build.mjs', '--package', packageFolder, '--out', folder], { cwd: root })
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const name = pathname.startsWith('/some/where/') ? pathname.slice('/some/where/'.length) || 'index.html' : '..'
    const file = resolve(folder, name)
    try {
      if (!file.startsWith(folder + sep)) throw new Error('outside')
      const body = await readFile(file)
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const stop = () => {
    rmSync(folder, { recursive: true, force: true })
    server.closeAllConnections()
    return new Promise((closed) => server.close(closed))
  }
  return { address: `http://127.0.0.1:${server.address().port}/some/where/`, stop }
}
