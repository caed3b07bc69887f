/** An application that goes on to another schema while writes of the old one wait, against a `tidewell-server` process. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { startSyncServer } from '../../tests/browser/support/sync_server.mjs'
import type { Database, PendingMutation, SyncMigrate } from '../src/index.js'
import { until } from './until.js'

const entry = join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/inline.js')
const { open } = (await import(pathToFileURL(entry).href)) as typeof import('../src/index.js')

const TIMING = { backoff: 20, backoffMax: 200, deadline: 5_000 }
const accepts = (schema: number) => `schema_min = ${schema}\nschema_max = ${schema}\n`

/** From `name` to `title`. */
const migrate: SyncMigrate = ({ ops }) =>
  ops.map((op) => {
    if (!('create' in op)) return op
    const { name, ...rest } = op.create as { id: string; name?: string }
    return { ...op, create: { ...rest, title: name } }
  })

interface Scene {
  readonly db: Database
  readonly other: Database
  sync(db: Database, more: { schema: number; migrate?: SyncMigrate }): ReturnType<Database['sync']>
}

/** A device that has written in schema 1 without a server, which takes schema 2 only. */
async function scene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const server = await startSyncServer({ settings: accepts(1) })
  const token = await server.token()
  const [db, other] = [await open('schema-one'), await open('schema-other')]
  const sync: Scene['sync'] = (db, more) =>
    db.sync({ url: server.url, token, collections: ['notes'], timing: TIMING, ...more })
  try {
    const old = sync(db, { schema: 1 })
    await old.now()
    await server.kill()
    await db.collection('notes').insert({ id: 'a', name: 'Tide' })
    await db.collection('notes').insert({ id: 'b', name: 'Ebb' })
    await old.stop()
    await writeFile(join(server.folder, 'server.toml'), accepts(2))
    await server.start()
    await run({ db, other, sync })
  } finally {
    await db.close()
    await other.close()
    await server.close()
  }
}

const notes = (db: Database) => db.collection('notes').find({}).sort({ id: 1 }).toArray()

test('what waits since an older schema is brought to the new one before it is sent, and nothing is lost', () =>
  scene(async ({ db, other, sync }) => {
    const refused = sync(db, { schema: 2 })
    await until(() => refused.status.state === 'upgrade', 'without a function it waits')
    assert.equal(refused.status.pending, 2)
    await refused.stop()

    const seen: PendingMutation[] = []
    const raising = sync(db, { schema: 2, migrate: (mutation) => (seen.push(mutation), migrate(mutation)) })
    await raising.now()
    assert.deepStrictEqual(
      seen.map(({ schema, answered }) => [schema, answered]),
      [
        [1, false],
        [1, false],
      ],
    )
    const expected = [
      { id: 'a', title: 'Tide' },
      { id: 'b', title: 'Ebb' },
    ]
    await sync(other, { schema: 2 }).now()
    assert.deepStrictEqual([await notes(db), await notes(other)], [expected, expected])
    assert.deepStrictEqual([raising.status.pending, raising.status.letters], [0, 0])
  }))

test('a function that fails is asked again; until it does not nothing is sent, and nothing is dropped', () =>
  scene(async ({ db, sync }) => {
    let fails = true
    const syncing = sync(db, {
      schema: 2,
      migrate: (mutation) => {
        if (fails) throw new Error('not yet')
        return migrate(mutation)
      },
    })
    await until(() => syncing.status.lastError?.reason === 'migrate', 'it is shown')
    assert.match(String(syncing.status.lastError?.message), /not yet/)
    assert.equal(syncing.status.pending, 2)
    fails = false
    await until(() => syncing.status.state === 'live' && syncing.status.pending === 0, 'it goes on')
    assert.deepStrictEqual(
      (await notes(db)).map((note) => (note as { title?: string }).title),
      ['Tide', 'Ebb'],
    )
  }))
