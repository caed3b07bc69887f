/**
 * Attachments and syncing, in Node: the built package against a `tidewell-server` process. Each device is a database in memory; browsers that
 * are killed are claimed in tests/browser/attachments.test.mjs.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { serverProgram, startSyncServer } from '../../tests/browser/support/sync_server.mjs'
import type { Attachments, Database, Sync, SyncOptions } from '../src/index.js'
import { bytes } from './api/attachments.js'

const entry = join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/inline.js')
const missing = [entry, serverProgram()].filter((file) => !existsSync(file))
if (missing.length > 0) throw new Error(`${missing.join(', ')} not built: run cargo xtask test package`)
const { open } = (await import(pathToFileURL(entry).href)) as typeof import('../src/index.js')

const CHUNK = 256 * 1024
const OWN = { read: { owner: '$claims.sub' }, write: { owner: '$claims.sub' } }

interface Device {
  readonly db: Database
  readonly files: Attachments
  readonly sync: Sync
}

type NewDevice = (name: string, options?: Partial<SyncOptions> & { user?: string }) => Promise<Device>

function claim(
  name: string,
  setting: Parameters<typeof startSyncServer>[0],
  run: (device: NewDevice) => Promise<void>,
): void {
  test(name, { timeout: 60_000 }, async () => {
    const server = await startSyncServer(setting)
    const opened: Database[] = []
    try {
      await run(async (name, { user, ...options } = {}) => {
        const db = await open(`attached-${name}-${Math.random()}`)
        opened.push(db)
        const token = await server.token(user)
        const sync = db.sync({
          url: server.url,
          token,
          collections: ['notes'],
          attachments: true,
          live: false,
          ...options,
        })
        await sync.ready
        return { db, sync, files: db.attachments('notes') }
      })
    } finally {
      for (const db of opened) await db.close()
      await server.close()
    }
  })
}

const chunksIn = ({ db }: Device) => db.collection('notes.files').count({ document: { $exists: false } })
const puts = ({ db }: Device) => db.collection('notes.files.puts').count()

claim(
  'an attachment arrives bit for bit, and only where rules let its fields be read',
  {
    rules: { notes: OWN, 'notes.files': OWN },
  },
  async (device) => {
    const [ann, too, bob] = [await device('ann'), await device('too'), await device('bob', { user: 'bob' })]
    const all = bytes(3 * CHUNK + 5)
    await ann.db.collection('notes').insert({ id: 'n1', owner: 'ann' })
    await ann.files.put('n1', 'a.png', all, { type: 'image/png', fields: { owner: 'ann' } })
    await ann.files.put('n1', 'not hers', 'x', { fields: { owner: 'bob' } })
    for (const { sync } of [ann, too, bob]) await sync.now()
    assert.deepEqual(await too.files.bytes('n1', 'a.png'), all)
    assert.equal((await too.files.get('n1', 'a.png'))?.type, 'image/png')
    assert.deepEqual(await bob.db.collection('notes.files').count(), 0)
    assert.equal(await ann.files.get('n1', 'not hers'), undefined, 'what is refused is undone')
    assert.deepEqual(
      (await ann.sync.deadLetters()).map(({ code }) => code),
      ['forbidden', 'forbidden'],
    )
    await too.files.deleteAll('n1')
    for (const { sync } of [too, ann]) await sync.now()
    assert.deepEqual([await ann.db.collection('notes.files').count(), await puts(too)], [0, 0])
  },
)

claim(
  'two devices put one name without a network: the last to arrive wins, whole, and nothing is left',
  {},
  async (device) => {
    const [one, two, later] = [await device('one'), await device('two'), await device('later')]
    await one.files.put('n1', 'a', bytes(CHUNK + 1))
    for (const { sync } of [one, two]) await sync.now()
    // Nobody hears of the other's before the own is written.
    await one.files.put('n1', 'a', bytes(2 * CHUNK, 2))
    await two.files.put('n1', 'a', bytes(3 * CHUNK, 3))
    for (const { sync } of [one, two, one]) await sync.now()
    for (const each of [one, two]) assert.deepEqual(await each.files.bytes('n1', 'a'), bytes(3 * CHUNK, 3))
    assert.equal(await chunksIn(two), 5, 'the superseded ones are still there')
    assert.deepEqual(await one.files.clean(), { attachments: 0, puts: 1 })
    assert.deepEqual(await two.files.clean(), { attachments: 0, puts: 0 })
    for (const { sync } of [one, two, later]) await sync.now()
    for (const each of [one, two, later]) {
      assert.equal(await chunksIn(each), 3)
      assert.deepEqual(await each.files.bytes('n1', 'a'), bytes(3 * CHUNK, 3))
      assert.equal(each.sync.status.letters, 0)
    }
  },
)

claim(
  'while an attachment arrives it says that it is not complete, and is never handed out by halves',
  {},
  async (device) => {
    const one = await device('one')
    const all = bytes(4 * CHUNK)
    await one.files.put('n1', 'a', all)
    await one.sync.now()
    // Changed after the head, so that it arrives before them.
    await one.db.collection('notes.files').updateMany({ document: { $exists: false } }, { $set: { touched: true } })
    await one.sync.now()
    const two = await device('two', { page: 1 })
    const seen = new Set<string>()
    const arriving = two.sync.now()
    for (let isThere = false; !isThere; await new Promise((resolve) => setTimeout(resolve, 10))) {
      const [info] = await two.files.list('n1')
      const found = await two.files.bytes('n1', 'a').catch((error: { reason?: string }) => String(error.reason))
      if (found === undefined || typeof found === 'string') seen.add(`${info?.complete} ${found}`)
      else assert.deepEqual(found, all)
      isThere = found instanceof Uint8Array
      if (!isThere) await two.files.clean().catch(({ reason }: { reason?: string }) => seen.add(`clean: ${reason}`))
    }
    await arriving
    for (const what of ['false incomplete', 'clean: incomplete'])
      assert.ok(seen.has(what), `it was looked at before: ${[...seen].join(', ')}`)
    assert.equal((await two.files.list('n1'))[0]?.complete, true)
  },
)

claim(
  'an attachment that is replaced and removed while another device is away is so there, too',
  {},
  async (device) => {
    const [one, two] = [await device('one'), await device('two')]
    for (const name of ['a', 'b']) await one.files.put('n1', name, bytes(2 * CHUNK))
    for (const { sync } of [one, two]) await sync.now()
    await one.files.put('n1', 'a', 'short')
    await one.files.delete('n1', 'b')
    for (const { sync } of [one, two]) await sync.now()
    assert.deepEqual(
      (await two.files.list('n1')).map(({ name, complete }) => [name, complete]),
      [['a', true]],
    )
    assert.equal(await (await two.files.get('n1', 'a'))?.text(), 'short')
    assert.equal(await chunksIn(two), 1)
  },
)

test(
  'more than 64 MiB of a source that does not say how much is refused, and cleared',
  { timeout: 60_000 },
  async () => {
    const db = await open('too-large')
    const files = db.attachments('notes')
    const mebibyte = bytes(1 << 20)
    let [told, most] = [0, 0]
    const endless = async function* () {
      for (let given = 0; ; given += mebibyte.length) {
        most = Math.max(most, given - told)
        yield mebibyte
      }
    }
    const onProgress = (stored: number) => void (told = stored)
    await assert.rejects(files.put('n1', 'a', endless(), { onProgress }), { code: 'invalid', reason: 'too-large' })
    assert.ok(told > 63 << 20 && most <= 3 << 20, `the source is not read ahead: ${most}`)
    assert.equal(await db.collection(files.files).count(), 0)
    await db.close()
  },
)
