// A private PostgreSQL in a folder of its own, on a free port: killed, and started again on its data. Not for anything else: everybody on
// this machine may connect, and nothing waits for the disk.
import { execFile, spawn } from 'node:child_process'
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from './browser.mjs'
import { freePort } from './port.mjs'

const run = promisify(execFile)
const children = new Set()
process.on('exit', () => children.forEach((child) => child.kill('SIGQUIT')))

/** The folder of PostgreSQL's programs. */
const programs = () => {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : []
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...process.env.PATH.split(':')]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  if (found === undefined) throw new Error('PostgreSQL is missing: install the package `postgresql` (cargo xtask test browser does)')
  return found
}

/** PostgreSQL does not run as root: whom it runs as then. */
const owner = () => {
  if (process.getuid() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'))
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return { uid: Number(uid), gid: Number(gid) }
}

const answers = (port) =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), done(true)))
    socket.on('error', () => done(false))
  })

export const startPostgres = async () => {
  const [bin, own, port] = [programs(), owner(), await freePort()]
  const folder = await mkdtemp(join(tmpdir(), 'tidewell-postgres-'))
  if (own.uid !== undefined) chownSync(folder, own.uid, own.gid)
  const data = join(folder, 'data')
  await run(join(bin, 'initdb'), ['-U', 'tidewell', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '-D', data], { cwd: folder, ...own })
  const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off', 'shared_buffers=32MB']
  let child
  const once = () => {
    child = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])], { cwd: folder, stdio: 'ignore', ...own })
    children.add(child)
    child.ended = new Promise((done) => child.once('exit', done))
  }
  const start = () =>
    eventually('PostgreSQL listens', async () => {
      // Children of one that was killed may be there still; then a new one ends at once.
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) once()
      return answers(port)
    })
  /** By default as a power switch would. */
  const kill = async (signal = 'SIGKILL') => {
    child.kill(signal)
    await child.ended
    children.delete(child)
  }
  await start()
  return {
    url: `postgres://tidewell@127.0.0.1:${port}/postgres`,
    start,
    kill,
    close: async () => {
      await kill('SIGQUIT')
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}
