// A `tidewell-server` process on a folder of its own: started, killed, started again on the same data and address.
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from './port.mjs'

/** The program; where nobody says which, the one that `cargo build` leaves. */
export const serverProgram = () =>
  resolve(process.env.TIDEWELL_SERVER ?? fileURLToPath(new URL('../../../target/debug/tidewell-server', import.meta.url)))

const run = promisify(execFile)
const children = new Set()
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))

/**
 * Starts a server. `rules`: `{ collection: { read, write } }`, filters as objects; without any everybody of a tenant may do everything.
 * `settings`: further lines of its file. `database` and `secret`: a PostgreSQL, and the file of the secret that servers beside each other share.
 */
export const startSyncServer = async ({ rules, settings = '', database, secret } = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewell-server-'))
  const port = await freePort()
  const lines = Object.entries(rules ?? {}).map(([name, rule]) => {
    const filters = Object.entries(rule).map(([what, filter]) => `${what} = '${JSON.stringify(filter)}'`)
    return `[rules."${name}"]\n${filters.join('\n')}\n`
  })
  await writeFile(join(folder, 'server.toml'), [...lines, settings].join('\n'))
  const options = { cwd: folder }
  const shared = [...(database === undefined ? [] : ['--database', database]), ...(secret === undefined ? [] : ['--secret-file', secret])]
  const config = ['--config', 'server.toml', ...shared]
  let child
  const start = async () => {
    child = spawn(serverProgram(), [...config, '--listen', `127.0.0.1:${port}`, '--cors', '*'], { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
    children.add(child)
    const started = child
    await new Promise((listens, failed) => {
      started.stdout.once('data', listens)
      started.once('exit', (code) => failed(new Error(`the server ended at once, with ${code}`)))
    })
  }
  const kill = async (signal = 'SIGKILL') => {
    const killed = child
    if (killed.exitCode !== null || killed.signalCode !== null) return
    const exited = new Promise((done) => killed.once('exit', done))
    killed.kill(signal)
    await exited
    children.delete(killed)
  }
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    folder,
    start,
    kill,
    /** A token of a user, with further claims. */
    token: async (user = 'ann', { tenant = 'harbour', claims } = {}) => {
      const more = claims === undefined ? [] : ['--claims', JSON.stringify(claims)]
      const { stdout } = await run(serverProgram(), [...config, 'token', '--tenant', tenant, '--user', user, ...more], options)
      return stdout.trim()
    },
    /** Runs one of the program's other commands. */
    command: async (...words) => (await run(serverProgram(), [...config, ...words], options)).stdout.trim(),
    close: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}
