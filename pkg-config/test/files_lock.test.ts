/** Claims about the lock of a folder: processes that died, and holders in other containers, which nobody can look at. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { lockFolder, SILENT_MS } from '../src/files/lock.js'
import { openFiles } from '../src/files/store.js'
import { inFolder } from './in_folder.js'
import { until } from './until.js'

const refused = (why: string) => new Error(why)
const skip = process.platform !== 'linux'

test('a process that is killed holds no lock', () =>
  inFolder(async (folder) => {
    const program = `require('fs').writeFileSync(process.argv[1], JSON.stringify({ pid: process.pid, started: null })); setInterval(() => {}, 1000); console.log('held')`
    const child = spawn(process.execPath, ['-e', program, join(folder, 'LOCK')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    assert.throws(() => lockFolder(folder, refused), new RegExp(`in use by process ${child.pid}`))
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    const lock = lockFolder(folder, refused)
    assert.match(readFileSync(join(folder, 'LOCK'), 'utf8'), new RegExp(`"pid":${process.pid},`))
    lock.release()
    assert.ok(!existsSync(join(folder, 'LOCK')))
  }))

test('a number of a process that is used again is not taken for the process that died', { skip }, () =>
  inFolder((folder) => {
    const file = join(folder, 'LOCK')
    const taken = (holder: object) => {
      writeFileSync(file, JSON.stringify(holder))
      lockFolder(folder, refused).release()
    }
    // Also as it was written before it said where it was.
    taken({ pid: process.pid, started: 'another start 1' })
    const lock = lockFolder(folder, refused)
    const own = JSON.parse(readFileSync(file, 'utf8')) as object
    lock.release()
    taken({ ...own, started: 'another start 1' })
  }),
)

test(
  'a holder on another machine, or in another container, holds the folder as long as it touches its lock',
  { skip },
  () =>
    inFolder((folder) => {
      const file = join(folder, 'LOCK')
      const first = lockFolder(folder, refused)
      const own = JSON.parse(readFileSync(file, 'utf8')) as { place: object }
      first.release()
      for (const other of [
        { host: 'web-2' },
        { boot: 'another start' },
        { namespace: 'pid:[1]' },
        { namespace: null },
      ]) {
        // Number and start are those of a process that runs here, and of none.
        for (const pid of [process.pid, 2 ** 22 + 1]) {
          const text = JSON.stringify({ ...own, pid, place: { ...own.place, ...other } })
          writeFileSync(file, text)
          const host = 'host' in other ? 'web-2' : hostname()
          assert.throws(() => lockFolder(folder, refused), new RegExp(`in use by process ${pid} on ${host}`))
          touched(file, SILENT_MS - 2000)
          assert.throws(() => lockFolder(folder, refused), /in use by/)
          touched(file, SILENT_MS + 1000)
          lockFolder(folder, refused).release()
          assert.ok(!existsSync(file))
        }
      }
    }),
)

test('who stood still for so long that the folder was taken over writes nothing any more', (context) =>
  inFolder((folder) => {
    const store = openFiles(folder, 'app')
    const file = join(folder, 'app', 'LOCK')
    const other = readFileSync(file, 'utf8').replace(/"nonce":/, '"nonce":1')
    const commit = () => store.commit(NONE, Float64Array.of(1, 1, 0), [Uint8Array.of(1)], 0, NONE, false)
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    commit()
    context.mock.timers.tick(5000)
    commit()
    writeFileSync(file, other)
    context.mock.timers.tick(5000)
    assert.throws(commit, { disk: 'unavailable', message: /taken the folder over/ })
    assert.throws(() => store.read(Float64Array.of(1, 1, 0)), { disk: 'unavailable' })
    store.close()
    assert.equal(readFileSync(file, 'utf8'), other, "another's lock is left alone")
  }))

test('a lock that cannot be read for once, or not made sure of, is not taken for lost', (context) =>
  inFolder((folder) => {
    const store = openFiles(folder, 'app')
    const [file, aside] = [join(folder, 'app', 'LOCK'), join(folder, 'aside')]
    const commit = () => store.commit(NONE, Float64Array.of(1, 1, 0), [Uint8Array.of(1)], 0, NONE, false)
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    // What cannot be read, or made: a folder in the place of the one, and a file in the way of the other.
    renameSync(file, aside)
    mkdirSync(file)
    context.mock.timers.tick(5000)
    assert.throws(commit, ({ message }: Error) => !/taken/.test(message))
    rmdirSync(file)
    renameSync(aside, file)
    commit()
    store.close()
  }))

const NONE = new Float64Array(0)

/** Whether processes can be put where numbers of processes are others. */
const APART = ['-p', '-f', '--mount-proc', '--kill-child']
const isApart = !skip && spawnSync('unshare', [...APART, 'true']).status === 0

test(
  'a process in another container keeps its folder while it lives, and loses it once, after it was stopped',
  { skip: isApart ? false : 'this system makes no namespaces of processes', timeout: 90_000 },
  () =>
    inFolder(async (folder) => {
      const child = writer(folder)
      try {
        const heard: string[] = []
        child.stdout?.on('data', (text) => heard.push(...String(text).trim().split('\n')))
        await until(() => heard.includes('held'), 'it is open', 20_000)
        const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
        const open = () => openFiles(folder, 'app')
        const message = new RegExp(`in use by process 1 on ${hostname()}`)
        for (const begun = Date.now(); Date.now() - begun < SILENT_MS + 1500; await pause(250))
          assert.throws(open, { code: 'unavailable', message })
        process.kill(pid, 'SIGSTOP')
        const stopped = Date.now()
        await until(() => isTaken(open), 'it is taken over', 3 * SILENT_MS)
        assert.ok(Date.now() - stopped > SILENT_MS - 3000, 'not before it was silent for long enough')
        heard.length = 0
        process.kill(pid, 'SIGCONT')
        await until(() => heard.length > 0, 'it goes on', 10_000)
        assert.deepEqual(heard, ['unavailable'])
      } finally {
        child.kill('SIGKILL')
      }
    }),
)

/** A process that puts a document every so often, and says what it was refused with. */
function writer(folder: string): ChildProcess {
  const entry = pathToFileURL(resolve(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/node.js')).href
  const program = `
    const { open } = await import(${JSON.stringify(entry)})
    const db = await open('app', { directory: ${JSON.stringify(folder)} })
    console.log('held')
    for (let at = 0; ; at++) {
      await new Promise((done) => setTimeout(done, 100))
      await db.collection('notes').put({ id: String(at) }).catch(({ code }) => { console.log(code); process.exit() })
    }`
  const flags = [...APART, process.execPath, '--input-type=module', '-e', program]
  return spawn('unshare', flags, { stdio: ['ignore', 'pipe', 'inherit'] })
}

function isTaken(open: () => { close(): void }): boolean {
  try {
    // It is left open: who was stopped must not find it free, either.
    open()
    return true
  } catch {
    return false
  }
}

function touched(file: string, ago: number): void {
  const at = (Date.now() - ago) / 1000
  utimesSync(file, at, at)
}
