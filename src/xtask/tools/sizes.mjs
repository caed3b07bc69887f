// Prints the size of every file of the built package, raw, gzip and brotli, and holds limits on what a page downloads: *first*,
// to open a database and work with documents (the browser entry, what it imports statically, the page part of the WebAssembly),
// and *altogether*, with the rest of the WebAssembly that follows when the database is open. The goal is 170 KiB gzip for the first;
// where it is not reached the limits are ratchets: they go down, or up by what mending a defect costs. Exit code 1 above a limit.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const GOAL_KIB = 170
// With room for code that changed since the profile was recorded: it is in the page part as a whole until `cargo xtask profile`.
// 214 before writes kept their order, were versioned and gave back the memory of what was taken back, and before parts of answers had one order.
const FIRST_LIMIT_KIB = 219
// Lowered from 1,020 when errors became narrow, and from 900 when the lower floors were compiled for size, too.
const ALL_LIMIT_KIB = 840
// Entries for frameworks and other libraries work on what the main entry opened, and bring no engine of their own.
const BESIDE_LIMIT_KIB = 4
const SYNC_LIMIT_KIB = 230
const SYNC = 'tidewell_sync.wasm'
/** JavaScript of the other entries: a little above what it is. `inline` has the WebAssembly inside, `single` the glue of all of it. */
const LIMITS_KIB = {
  ...Object.fromEntries(['browser', 'default', 'node', 'deno', 'bun', 'workerd', 'edge-light'].map((host) => [`tidewell (${host})`, 23])),
  'tidewell/slim': 24,
  'tidewell/single': 74,
  'tidewell/inline': 1260,
  'tidewell/worker': 11,
  'tidewell/edge': 26,
  'tidewell/edge-sync': 12,
  // Those that are loaded when somebody wants to look, or once to take over data.
  'tidewell/inspector': 15,
  'tidewell/migrate': 6,
}
const PAGE = 'tidewell_page.wasm'
const REST = 'tidewell_rest.wasm'
const root = resolve(process.argv[2])

const measured = new Map()
const measure = (file) => {
  // Many entries share files, and compressing the large ones takes seconds.
  if (!measured.has(file)) {
    const bytes = readFileSync(file)
    measured.set(file, { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length })
  }
  return measured.get(file)
}

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !(entry.parentPath ?? entry.path).includes('node_modules'))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  .sort()

/** The file and everything it imports statically, followed to the end. */
const withImports = (entry, seen = new Set()) => {
  if (seen.has(entry)) return seen
  seen.add(entry)
  if (!entry.endsWith('.js')) return seen
  const text = readFileSync(entry, 'utf8')
  for (const [, name] of text.matchAll(/(?:^|[;\n}])\s*(?:import|export)\b[^;'"()]*?(?:from\s*)?['"](\.[^'"]+)['"]/g)) {
    withImports(resolve(dirname(entry), name.split('?')[0]), seen)
  }
  return seen
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const page = manifest.exports['.'].browser ?? manifest.exports['.'].default
const entry = resolve(root, typeof page === 'string' ? page : page.default)
const first = withImports(entry)
const after = new Set()
for (const file of files) {
  if (file.endsWith(PAGE)) first.add(file)
  if (file.endsWith(REST)) after.add(file)
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(12)
const row = (title, size) => console.log(`${title.padEnd(36)}${kib(size.raw)}${kib(size.gzip)}${kib(size.brotli)}`)
const nothing = () => ({ raw: 0, gzip: 0, brotli: 0 })
const add = (total, size) => {
  for (const kind of Object.keys(total)) total[kind] += size[kind]
}
console.log(`${'file'.padEnd(36)}${'raw'.padStart(12)}${'gzip'.padStart(12)}${'brotli'.padStart(12)}`)
const [total, later, types] = [nothing(), nothing(), nothing()]
let typeFiles = 0
for (const file of files) {
  const size = measure(file)
  if (file.endsWith('.d.ts')) {
    typeFiles += 1
    add(types, size)
    continue
  }
  row(relative(root, file) + (first.has(file) ? ' *' : after.has(file) ? ' +' : ''), size)
  if (first.has(file)) add(total, size)
  if (after.has(file)) add(later, size)
}
row(`types, ${typeFiles} files`, types)
row('* a page loads first, for documents', total)
row('+ and when the database is open', later)
add(later, total)
row('altogether', later)

/** What each entry point loads at once: itself and what it imports statically, without WebAssembly. */
const entries = new Map()
for (const [path, target] of Object.entries(manifest.exports)) {
  const { types: _, ...hosts } = typeof target === 'string' ? {} : target
  for (const [host, name] of Object.entries(hosts))
    if (name.endsWith('.js')) entries.set(path === '.' ? `tidewell (${host})` : `tidewell${path.slice(1)}`, resolve(root, name))
}
console.log('\nJavaScript that an entry loads at once')
const loaded = new Map()
for (const [title, entry] of entries) {
  const sum = nothing()
  for (const file of withImports(entry)) if (file.endsWith('.js')) add(sum, measure(file))
  row(`  ${title}`, sum)
  loaded.set(title, sum.gzip)
}
const within = (what, bytes, limit) => {
  const inside = bytes <= limit * 1024
  console.log(`limit ${what}: ${(bytes / 1024).toFixed(1)} of ${limit} KiB gzip${inside ? '' : ': TOO LARGE'}`)
  return inside
}
const inside = [
  within('first', total.gzip, FIRST_LIMIT_KIB),
  within('altogether', later.gzip, ALL_LIMIT_KIB),
  within('tidewell/edge-sync with its WebAssembly', loaded.get('tidewell/edge-sync') + measure(join(root, 'dist', SYNC)).gzip, SYNC_LIMIT_KIB),
  ...[...loaded].map(([title, bytes]) => within(title, bytes, LIMITS_KIB[title] ?? BESIDE_LIMIT_KIB)),
]
console.log(`goal: first at most ${GOAL_KIB} KiB gzip: ${total.gzip <= GOAL_KIB * 1024 ? 'reached' : 'NOT REACHED'}`)
process.exitCode = inside.every(Boolean) ? 0 : 1
