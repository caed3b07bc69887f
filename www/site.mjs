// What the playground consists of: its files, those of the built package that a browser loads, and what is made for both. `serve.mjs`
// serves it, `build.mjs` writes it down.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the pages are. */
export const pages = dirname(fileURLToPath(import.meta.url))

/** The Content-Security-Policy that the package promises to live with. */
export const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'"

/** Entry points that a page under such a server never loads. */
const OTHER_HOSTS =
  /^(node|deno|bun|workerd|edge.*|inline|single|slim|wasm|wasm_source|react|vue|svelte|solid|keyv|unstorage|abstract-level|tanstack-.*)\.js$/

const below = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join('/'))
    .sort()

/** The files of the pages. */
export const pageFiles = () => below(pages).filter((name) => !name.endsWith('.mjs') && !name.endsWith('.md'))

/** The package's files that a browser loads, below its folder. */
export const packageFiles = (pack) =>
  below(join(pack, 'dist'))
    .filter((name) => /^[^/]*\.(js|wasm)$/.test(name) && !OTHER_HOSTS.test(name))
    .map((name) => `dist/${name}`)

/** Files that are made: by their address, their text. */
export const madeFiles = (pack) => {
  const { exports } = JSON.parse(readFileSync(join(pack, 'package.json'), 'utf8'))
  const reexport = (target) => `export * from '../tidewell/${normalize(typeof target === 'string' ? target : target.default).split(sep).join('/')}'\n`
  const main = exports['.'].browser ?? exports['.'].default
  const made = {
    'src/tidewell.js': reexport(main),
    'src/inspector.js': reexport(exports['./inspector']),
    'sync.json': '{}\n',
  }
  const kept = ['./', ...pageFiles(), ...Object.keys(made).filter((name) => name !== 'sync.json'), ...packageFiles(pack).map((name) => `tidewell/${name}`)]
  return { ...made, 'files.json': JSON.stringify(kept) }
}
