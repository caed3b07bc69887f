// Imports from the real Dexie, PouchDB and RxDB in a page: everything that can be stored is, once, and what cannot is named.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counted, scenario } from './support/scenario.mjs'
import { packageFolder } from './support/server.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))

let bundled
const bundle = async () => {
  const { build } = createRequire(join(root, 'pkg-config/package.json'))('esbuild')
  const { outputFiles } = await build({
    entryPoints: [join(root, 'tests/browser/support/migrate_page.mjs')],
    alias: { 'tidewell/migrate': join(packageFolder, 'dist/migrate.js') },
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    ...{ bundle: true, format: 'iife', globalName: 'migration', target: 'es2022', write: false, logLevel: 'error' },
  })
  return outputFiles[0].text
}

/** A page with the libraries and an open database. */
const prepared = async (scene, name) => {
  const page = await scene.page()
  bundled ??= await bundle()
  await page.addScriptTag({ content: bundled })
  assert.deepEqual(page.errors, [])
  await page.evaluate((one) => openDatabase(one), name)
  return page
}

scenario('a Dexie database becomes collections with its documents, ids and indexes; a second run does nothing', async (scene) => {
  const page = await prepared(scene, 'from-dexie')
  const seen = await page.evaluate(async () => {
    const dexie = await migration.fillDexie('friends', 1234)
    const progress = []
    const first = await migration.importFromDexie(db, dexie, { onProgress: ({ from, done, total }) => from === 'friends' && progress.push([done, total]) })
    await db.collection('friends').update('1', { $set: { name: 'changed here' } })
    const second = await migration.importFromDexie(db, 'friends')
    const third = await migration.importFromDexie(db, 'friends', { again: true })
    const friends = db.collection('friends')
    const { stage, index } = await friends.find({ mail: '77@example.com' }).explain()
    const one = await friends.get('78')
    return {
      ...{ first, second, progress, plan: [stage, index] },
      third: third.collections.find(({ from }) => from === 'friends'),
      one: { ...one, photo: [...one.photo], since: one.since.getTime() },
      changed: (await friends.get('1')).name,
      visit: (await db.collection('visits').get('[3,"1970-01-01T00:00:00.008Z"]')).km,
      theme: await db.collection('settings').get('theme'),
      unique: (await settle(friends.insert({ mail: '3@example.com' }))).error?.reason,
      tags: await friends.count({ tags: 't3' }),
    }
  })
  const friends = seen.first.collections.find(({ from }) => from === 'friends')
  assert.deepEqual({ ...friends, indexes: [...friends.indexes].sort() }, { from: 'friends', into: 'friends', documents: 1234, kept: 0, skipped: 0, indexes: ['mail', 'name', 'tags'], refused: [] })
  assert.deepEqual(seen.progress, [[500, 1234], [1000, 1234], [1234, 1234]])
  assert.deepEqual([seen.first.before, seen.second.before], [false, true])
  assert.deepEqual(seen.second.collections, seen.first.collections)
  assert.deepEqual([seen.third.documents, seen.third.kept, seen.changed], [0, 1234, 'changed here'], 'what is here stays')
  assert.deepEqual(seen.one, { id: '78', name: 'friend 77', mail: '77@example.com', tags: ['t0', 'all'], photo: [77, 1], since: 77_000 })
  assert.deepEqual([seen.visit, seen.theme, seen.unique, seen.tags], [8, { id: 'theme', value: 'dark' }, 'unique', 176])
  assert.deepEqual(seen.plan, ['index', 'mail'])
  counted('migrate: 1,259 values of 4 object stores of Dexie, with keys of 4 kinds')
})

scenario('keys that cannot be ids are named, documents are mapped, renamed and left out, and an import that stopped goes on', async (scene) => {
  const page = await prepared(scene, 'from-bad')
  const seen = await page.evaluate(async () => {
    await migration.fillBadKeys('bad')
    const stores = ['bytes', 'mixed', 'parts', 'endless', 'long', 'own']
    const only = (store) => Object.fromEntries(stores.map((name) => [name, name === store ? name : false]))
    const failure = async (store) => (await settle(migration.importFromDexie(db, 'bad', { collections: only(store) }))).error
    const failures = {}
    for (const store of stores) failures[store] = await failure(store)
    const told = []
    const all = await migration.importFromDexie(db, 'bad', { onError: ({ reason }, { from }) => told.push([from, reason]) })
    const missing = (await settle(migration.importFromDexie(db, 'nothing-there'))).error
    const names = (await indexedDB.databases()).map(({ name }) => name)

    await migration.fillDexie('again', 1200)
    const stopping = new AbortController()
    const stopped = await settle(
      migration.importFromDexie(db, 'again', { collections: { visits: false, notes: 'pages', settings: false }, onProgress: () => stopping.abort(), signal: stopping.signal }),
    )
    const half = await db.collection('friends').count()
    const rest = await migration.importFromDexie(db, 'again', {
      collections: { visits: false, notes: 'pages', settings: false },
      map: ({ name, ...friend }, { from, key }) => (from === 'friends' && key % 2 ? { ...friend, called: name } : from === 'friends' ? null : friend),
    })
    return { failures, told, all, missing, created: names.includes('nothing-there'), stopped: stopped.error?.code, half, rest, mapped: await db.collection('friends').get('1199'), pages: await db.collection('pages').count() }
  })
  const { bytes, mixed, parts, endless, long, own } = seen.failures
  assert.deepEqual(Object.values(seen.failures).map((failure) => failure?.code), Array(6).fill('invalid'))
  assert.deepEqual([bytes, mixed, parts, endless, long, own].map(({ reason }) => reason), [...Array(5).fill('bad-key'), 'id-taken'])
  assert.match(bytes.message, /^bytes at key .*binary/)
  assert.match(mixed.message, /another key has the same text, "7"/)
  assert.match(parts.message, /another key has the same text/)
  assert.deepEqual(seen.told.sort(), [['bytes', 'bad-key'], ['endless', 'bad-key'], ['long', 'bad-key'], ['mixed', 'bad-key'], ['own', 'id-taken'], ['parts', 'bad-key']])
  assert.deepEqual(seen.all.collections.map(({ from, documents, skipped }) => [from, documents, skipped]), [['bytes', 1, 1], ['endless', 0, 1], ['long', 0, 1], ['mixed', 1, 1], ['own', 0, 1], ['parts', 1, 1]])
  assert.deepEqual([seen.missing.reason, seen.created], ['no-such-database', false])
  assert.deepEqual([seen.stopped, seen.half], ['aborted', 500])
  const friends = seen.rest.collections.find(({ from }) => from === 'friends')
  assert.deepEqual([friends.documents, friends.kept, friends.skipped], [350, 250, 600])
  assert.equal(seen.mapped.called, 'friend 1198')
  assert.equal(seen.pages, 2)
})

scenario('a PouchDB database is read by its instance and by its name, and both give the same', async (scene) => {
  const page = await prepared(scene, 'from-pouch')
  const seen = await page.evaluate(async () => {
    const pouch = await migration.fillPouch('inbox', 1100)
    const byInstance = await migration.importFromPouch(db, pouch, { into: ({ type }) => (type === undefined ? null : `${type}s`) })
    const byName = await migration.importFromPouch(db, 'inbox', { into: 'all', again: true })
    const all = await db.collection('all').find({ type: { $exists: true } }).toArray()
    const sorted = [...(await db.collection('notes').find().toArray()), ...(await db.collection('tasks').find().toArray())].sort((a, b) => (a.id < b.id ? -1 : 1))
    return { byInstance, byName, same: JSON.stringify(all) === JSON.stringify(sorted), first: all.slice(0, 3), count: all.length, refused: (await settle(migration.importFromPouch(db, 'no-pouch'))).error?.reason }
  })
  assert.ok(seen.same)
  assert.deepEqual(seen.first, [{ id: 'd00000', type: 'task', n: 0 }, { id: 'd00001', type: 'note', n: 1000 }, { id: 'd00003', type: 'note', n: 3 }])
  assert.equal(seen.count, 1099)
  assert.deepEqual(seen.byInstance.collections.map(({ into, documents, skipped }) => [into, documents, skipped]), [['tasks', 549, 0], ['notes', 550, 0], ['inbox', 0, 1]])
  assert.deepEqual([seen.byInstance.attachments, seen.byName.attachments, seen.byName.collections[0].documents], [1, 1, 1100])
  assert.equal(seen.refused, 'no-such-database')
})

scenario('an RxDB database is read by its collections, with its indexes, and without what was removed', async (scene) => {
  const page = await prepared(scene, 'from-rx')
  const seen = await page.evaluate(async () => {
    const rx = await migration.fillRx('todos', 1100)
    const result = await migration.importFromRx(db, rx)
    const todos = db.collection('todos')
    return { result, one: await todos.get('s00003'), gone: await todos.get('s00001'), count: await todos.count(), done: await todos.count({ done: true }) }
  })
  assert.deepEqual(seen.result.collections, [{ from: 'todos', into: 'todos', documents: 1099, kept: 0, skipped: 0, indexes: ['n', 'done,n'], refused: [] }])
  assert.deepEqual(seen.one, { id: 's00003', slug: 's00003', n: 3, done: true, tags: ['a'] })
  assert.deepEqual([seen.gone, seen.count, seen.done], [null, 1099, 367])
})
