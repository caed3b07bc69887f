// Objects on real workerd: a worker of objects/ bundled with the built package, served by miniflare, on storage that lasts.
import { build } from 'esbuild'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Miniflare } from 'miniflare'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../../..')
export const packageFolder = resolve(process.env.TIDEWELL_PACKAGE ?? join(root, 'target/npm/tidewell'))
/** Where scripts are bundled: workerd loads what lies below the folder that miniflare runs in. */
const work = join(root, 'target/edge')

/** A folder with the package installed, and `files` beside it. */
export function project(name, ...files) {
  const folder = join(work, name)
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  const installed = join(folder, 'node_modules/tidewell')
  try {
    unlinkSync(installed)
  } catch {
    // It was not there.
  }
  symlinkSync(packageFolder, installed)
  for (const file of files) cpSync(file, join(folder, file.split('/').at(-1)))
  return folder
}

const bundled = new Map()
/** The modules of a worker of objects/ (or of `file`), as miniflare takes them. */
export async function modulesOf(name, file = join(here, '../objects', `${name}.js`)) {
  if (!bundled.has(name)) bundled.set(name, bundle(name, file))
  return bundled.get(name)
}

async function bundle(name, file) {
  const outdir = join(work, name, 'out')
  const main = join(outdir, file.split('/').at(-1))
  // A program that is started again and again need not be made anew each time.
  if (!isFresh(main, [file, join(packageFolder, 'package.json')])) await make(name, file, outdir)
  const others = readdirSync(outdir).map((one) => join(outdir, one))
  return {
    modulesRoot: outdir,
    modules: [main, ...others.filter((path) => path !== main)].map((path) => ({
      type: path.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
      path,
      ...(path.endsWith('.wasm') ? { contents: readFileSync(path) } : {}),
    })),
  }
}

function isFresh(made, sources) {
  const timeOf = (path) => statSync(path).mtimeMs
  return existsSync(made) && sources.every((source) => timeOf(source) < timeOf(made))
}

async function make(name, file, outdir) {
  const folder = project(name)
  rmSync(outdir, { recursive: true, force: true })
  cpSync(dirname(file), join(folder, 'objects'), { recursive: true })
  cpSync(join(root, 'tests/packaging/projects/shared/scenario.js'), join(folder, 'objects/scenario.js'))
  await build({
    absWorkingDir: folder,
    entryPoints: [join('objects', file.split('/').at(-1))],
    bundle: true,
    preserveSymlinks: true,
    format: 'esm',
    splitting: true,
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
    external: ['cloudflare:*'],
    outdir,
    logLevel: 'warning',
  })
}

/** Makes a folder for the time of `work`. */
export async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'tidewell-edge-'))
  try {
    return await work(folder)
  } finally {
    for (const host of [...running]) await host.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What has been started and not stopped: a failing test leaves it. */
const running = new Set()

/** workerd may close a connection that it has kept just when the next request is sent on it; so each has one of its own. */
export const FRESH = { connection: 'close' }

/** Serves a worker with its objects' data in `data`. */
export async function serve(name, data, classes, options = {}) {
  const { file, ...more } = options
  const miniflare = new Miniflare({
    ...(await modulesOf(name, file)),
    compatibilityDate: '2026-04-01',
    durableObjects: Object.fromEntries(
      Object.entries(classes).map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
    durableObjectsPersist: data,
    ...more,
  })
  const origin = (await miniflare.ready).origin
  const ask = async (path, init) => {
    const response = await fetch(`${origin}/${path}`, { ...init, headers: { ...init?.headers, ...FRESH } }).catch((error) => {
      throw new Error(`${path}: ${error.cause ?? error}`)
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  const host = {
    ...{ origin, ask },
    stop: () => running.delete(host) && miniflare.dispose(),
    kill: () => running.delete(host) && kill(miniflare),
  }
  running.add(host)
  return host
}

/** Ends workerd as a machine that stops would, and lets go of miniflare. */
async function kill(miniflare) {
  for (const pid of children()) {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
    if (name === 'workerd') process.kill(pid, 'SIGKILL')
  }
  await miniflare.dispose().catch(() => undefined)
}

/** The processes that this one has started. */
export function children() {
  return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

/** Waits until `look` answers something true. */
export async function until(look, what, seconds = 20) {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`)
    await new Promise((done) => setTimeout(done, 30))
  }
}

/** After so long without an event an object is taken out of memory: ten seconds in workerd, and some for a busy machine. */
export const IDLE_MS = 11_500
export { ran } from '../../browser/support/places.mjs'

/** Tells what was measured. */
export const counted = (text) => console.log(`counted: ${text}`)
