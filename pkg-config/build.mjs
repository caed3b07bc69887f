// Assembles the npm package from wasm-bindgen's output:
//
//   node pkg-config/build.mjs --glue <folder with tidewell.js and tidewell_bg.wasm> --out <folder of the package>
//
// The glue becomes a function that makes independent instances, the TypeScript becomes one file per entry point plus what
// they share, the types are emitted next to them. Prints the sizes; fails above the budget of the JavaScript.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, transform } from 'esbuild'
import { shipped } from './documents.mjs'
import { manifestOf, MODULES, SPLIT_ENTRIES, SYNC_MODULE, TYPED_ENTRIES, WHOLE_ENTRIES } from './manifest.mjs'
import { shorten } from './shorten.mjs'

/** What becomes part of the package; its licence goes along. */
const BUNDLED = new Set(['croner'])
const DOCUMENTS = ['README.md', 'CHANGELOG.md']
const JS_BUDGET_KIB = 23
const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '..')
const argument = (name) => {
  const at = process.argv.indexOf(name)
  if (at < 0 || process.argv[at + 1] === undefined) throw new Error(`build.mjs: give ${name} <folder>`)
  return resolve(process.argv[at + 1])
}
const glueFolder = argument('--glue')
const out = argument('--out')
const dist = join(out, 'dist')

// All of the glue is read before anything of an earlier package goes: a build that was cut off leaves half of it.
const { modules, glue } = shorten(
  MODULES.map((name) => readFileSync(join(glueFolder, name))),
  readFileSync(join(glueFolder, 'tidewell.js'), 'utf8'),
)
const sync = (name) => join(glueFolder, 'sync', name)
const syncModule = readFileSync(sync('tidewell_sync_bg.wasm'))
const syncGlue = readFileSync(sync('tidewell_sync.js'), 'utf8')
rmSync(out, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
MODULES.forEach((name, at) => writeFileSync(join(dist, name), modules[at]))
const wasm = modules[0]
writeFileSync(join(dist, 'tidewell_bg.wasm.d.ts'), 'declare const url: string\nexport default url\n')
writeFileSync(join(dist, 'worker.d.ts'), 'export {}\n')
writeFileSync(join(dist, 'wasm.js'), `export const wasm = '${wasm.toString('base64')}'\n`)
writeFileSync(join(dist, 'wasm_source.js'), "import source wasm from './tidewell_bg.wasm'\nexport { wasm }\n")
await writeGlue(glue, 'glue.js')
writeFileSync(join(dist, SYNC_MODULE), syncModule)
await writeGlue(syncGlue, 'sync_glue.js')
await writeEntries()
writeTypes()
writePackage()
report()

/** wasm-bindgen keeps one instance per module; as a function, its module scope is made anew for each. */
async function writeGlue(contents, file) {
  const bundle = await build({
    stdin: { contents },
    bundle: true,
    format: 'iife',
    globalName: 'glue',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  const text = `export function createGlue(WebAssembly) {\n${bundle.outputFiles[0].text}\nreturn glue\n}\n`
  const { code } = await transform(text, { minify: true, target: 'es2022', format: 'esm', charset: 'utf8' })
  writeFileSync(join(dist, file), code)
}

/** One file per entry point; what several need is in chunks, except of those that may have none. */
async function writeEntries() {
  const entry = (name) => join(here, 'src/entry', `${name}.ts`)
  const options = {
    outdir: dist,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    supported: { 'import-attributes': true },
    logLevel: 'warning',
    plugins: [{ name: 'built-files', setup: keepOutside }],
  }
  await build({
    ...options,
    entryPoints: SPLIT_ENTRIES.map(entry),
    splitting: true,
    chunkNames: 'shared-[hash]',
  })
  await build({ ...options, entryPoints: WHOLE_ENTRIES.map(entry) })
}

/** The glue, the base64 and the modules stay files of their own; frameworks are the application's. */
function keepOutside({ onResolve }) {
  onResolve({ filter: /^\.{1,2}\/(glue|sync_glue|wasm|wasm_source)\.js$/ }, ({ path, importer }) =>
    // src/local/wasm.ts is types only; src/wasm.d.ts stands for the built file.
    path === './wasm.js' && importer.includes('local') ? undefined : { path: inDist(path), external: true },
  )
  onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path }) => ({ path: inDist(path), external: true }))
  onResolve({ filter: /^[^./]/ }, ({ kind, path }) =>
    kind === 'entry-point' || BUNDLED.has(path) ? undefined : { external: true },
  )
}

function inDist(path) {
  return `./${path.split('/').at(-1)}`
}

/** Emits declarations and keeps those that the public ones reach. */
function writeTypes() {
  const types = join(dist, 'types')
  const tsc = join(here, 'node_modules/typescript/bin/tsc')
  execFileSync(
    process.execPath,
    [
      tsc,
      '-p',
      join(here, 'tsconfig.json'),
      '--noEmit',
      'false',
      '--declaration',
      '--emitDeclarationOnly',
      '--outDir',
      types,
    ],
    { stdio: 'inherit' },
  )
  const reached = new Set()
  const visit = (file) => {
    if (reached.has(file)) return
    reached.add(file)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.js['"]/g))
      visit(resolve(dirname(file), `${name}.d.ts`))
  }
  visit(join(types, 'index.d.ts'))
  for (const name of TYPED_ENTRIES) visit(join(types, `entry/${name}.d.ts`))
  for (const file of files(types)) if (!reached.has(file)) rmSync(file)
}

function writePackage() {
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8')
  const version = /^version = "([^"]+)"/m.exec(cargo)[1]
  const repository = /^repository = "([^"]+)"/m.exec(cargo)?.[1]
  const manifest = manifestOf(version, repository)
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(root, name), join(out, name))
  const ships = (path) => existsSync(join(out, path)) || DOCUMENTS.includes(path)
  for (const name of DOCUMENTS) {
    const text = readFileSync(join(root, name), 'utf8')
    writeFileSync(join(out, name), shipped(text, { ships, repository, version }))
  }
}

/** The JavaScript a page loads: the browser entry, what it imports, the glue. */
function report() {
  const loaded = new Set()
  const visit = (file) => {
    if (loaded.has(file)) return
    loaded.add(file)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*['"](\.\/[^'"]+\.js)['"]/g))
      visit(resolve(dirname(file), name))
  }
  visit(join(dist, 'browser.js'))
  const gzip = (file) => gzipSync(readFileSync(file), { level: 9 }).length
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`
  let total = 0
  for (const file of [...loaded].sort()) {
    total += gzip(file)
    console.log(`  ${relative(out, file).padEnd(28)} ${kib(gzip(file)).padStart(10)} gzip`)
  }
  console.log(
    `  JavaScript of a page: ${kib(total)} of ${JS_BUDGET_KIB} KiB gzip; WebAssembly: ${kib(gzip(join(dist, 'tidewell_page.wasm')))}`,
  )
  if (total > JS_BUDGET_KIB * 1024) {
    console.error(`build.mjs: the JavaScript is above its budget of ${JS_BUDGET_KIB} KiB gzip`)
    process.exitCode = 1
  }
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}
