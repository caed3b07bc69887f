// A sync server for the demo: a process of ours with its data in a folder, and a token for everybody who comes. It ends with us.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

const TENANT = 'demo'
const HOURS = '720'

const freePort = () =>
  new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => found(port))
    })
  })

/** Starts `program`; answers its address and a token. */
export const startSyncServer = async (program, folder) => {
  mkdirSync(folder, { recursive: true })
  const settings = ['--database', join(folder, 'sync.sqlite'), '--secret-file', join(folder, 'secret')]
  const token = execFileSync(program, ['token', '--tenant', TENANT, '--user', TENANT, '--hours', HOURS, ...settings], { encoding: 'utf8' }).trim()
  const port = await freePort()
  const child = spawn(program, [...settings, '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' })
  child.on('error', (error) => console.error(`the sync server did not start: ${error.message}`))
  child.on('exit', (code) => code !== 0 && code !== null && console.error(`the sync server has ended, with ${code}`))
  process.on('exit', () => child.kill('SIGKILL'))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0))
  return { url: `http://127.0.0.1:${port}`, token }
}
