// A fresh project: a fixture's files and the shared ones, its locked packages, and the packed tarball installed by npm.
// Projects live under target/packaging; their packages are installed again only when a lock file or the tarball changed.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const fixtures = resolve(here, '../projects')
const root = resolve(here, '../../..')
const folder = join(root, 'target/packaging')
export const packageFolder = resolve(process.env.TIDEWELL_PACKAGE ?? join(root, 'target/npm/tidewell'))

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Runs a command to its end; answers its output, or throws with it, and if it may say nothing on the error stream but does. */
export function run(program, flags, { cwd, env, minutes = 3, silent = false } = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, flags, {
    ...{ cwd, encoding: 'utf8', timeout: minutes * 60_000, maxBuffer: 1 << 26 },
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: '0', NEXT_TELEMETRY_DISABLED: '1', ...env },
  })
  if (status !== 0 || (silent && stderr !== '')) throw new Error(`${program} ${flags.join(' ')}: ${error ?? ''}\n${stdout}\n${stderr}`)
  return stdout
}

let packed
/** The tarball as `npm pack` makes it, and what npm says is in it. */
export function pack() {
  if (packed === undefined) {
    mkdirSync(folder, { recursive: true })
    const [about] = JSON.parse(run('npm', ['pack', packageFolder, '--json', '--pack-destination', folder]))
    const file = join(folder, about.filename)
    packed = { file, hash: hashOf(file), files: about.files, size: about.size, unpacked: about.unpackedSize }
  }
  return packed
}

/** The folder of a project made from `names`: later fixtures lie over earlier ones. The last one has the lock file. */
export function project(...names) {
  const target = join(folder, names.at(-1))
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(target)) if (!KEPT.has(name)) rmSync(join(target, name), { recursive: true })
  for (const name of ['shared', ...names]) {
    const filter = (path) => !path.includes('node_modules')
    if (existsSync(join(fixtures, name))) cpSync(join(fixtures, name), target, { recursive: true, filter })
  }
  install(target)
  return target
}

/** What is kept of a project from one run to the next. */
const KEPT = new Set(['node_modules', '.installed'])

function install(target) {
  const { file, hash } = pack()
  const lock = join(target, 'package-lock.json')
  const locked = existsSync(lock) ? hashOf(lock) : 'none'
  const stamp = join(target, '.installed')
  const [oldLock, oldHash] = existsSync(stamp) ? readFileSync(stamp, 'utf8').split(' ') : []
  if (locked !== oldLock && locked !== 'none') run('npm', ['ci', ...QUIET], { cwd: target, minutes: 10 })
  if (locked !== oldLock || hash !== oldHash) {
    rmSync(join(target, 'node_modules/tidewell'), { recursive: true, force: true })
    run('npm', ['install', '--no-save', '--no-package-lock', ...QUIET, file], { cwd: target })
  }
  writeFileSync(stamp, `${locked} ${hash}`)
}

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']

/** A command of a project's packages, and its flags. */
export const bin = (target, name) => join(target, 'node_modules/.bin', name)

/** Starts a server and waits until it says its address; `stop` ends it with what it started. */
export async function start(program, flags, { cwd, env, seconds = 60 } = {}) {
  const child = spawn(program, flags, {
    ...{ cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: '0', NEXT_TELEMETRY_DISABLED: '1', ...env },
  })
  const exited = new Promise((done) => child.on('exit', done))
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
  process.once('exit', end)
  const stop = async () => {
    end()
    await exited
    process.removeListener('exit', end)
  }
  let output = ''
  const address = new Promise((found, fail) => {
    const read = (chunk) => {
      output += chunk
      const [, port] = /https?:\/\/(?:localhost|127\.0\.0\.1):(\d+)/.exec(output) ?? []
      if (port !== undefined) found(`http://localhost:${port}`)
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    exited.then(() => fail(new Error(`${program} ended: ${output}`)))
    setTimeout(() => fail(new Error(`${program} told no address in ${seconds} s: ${output}`)), seconds * 1000).unref()
  })
  try {
    return { origin: await address, stop, output: () => output }
  } catch (error) {
    await stop()
    throw error
  }
}
