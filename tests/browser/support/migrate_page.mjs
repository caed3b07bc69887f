// In a page: data of Dexie, RxDB and PouchDB, made by themselves, and what the imports of the package make of them. Sets the global `migration`.
import Dexie from 'dexie'
import PouchDB from 'pouchdb-browser'
import { createRxDatabase } from 'rxdb'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'
import { importFromDexie, importFromPouch, importFromRx } from 'tidewell/migrate'

export { importFromDexie, importFromPouch, importFromRx }

/** Friends by number, visits by a compound key, notes by text, settings without documents. */
export async function fillDexie(name, count) {
  const dexie = new Dexie(name)
  dexie.version(3).stores({ friends: '++id, name, *tags, &mail', visits: '[friend+at]', notes: 'slug', settings: '' })
  const friends = Array.from({ length: count }, (_, n) => ({
    ...{ name: `friend ${n}`, mail: `${n}@example.com`, tags: [`t${n % 7}`, 'all'], since: new Date(n * 1000) },
    photo: new Uint8Array([n % 256, 1]),
  }))
  await dexie.friends.bulkAdd(friends)
  await dexie.visits.bulkAdd(Array.from({ length: 20 }, (_, n) => ({ friend: n % 5, at: new Date(n), km: n })))
  await dexie.notes.bulkAdd([
    { slug: 'ebb', text: 'Ebb' },
    { slug: 'flood', text: 'Flood' },
  ])
  await dexie.settings.put('dark', 'theme')
  return dexie
}

/** A store with keys of every kind that cannot be ids, beside some that can. */
export async function fillBadKeys(name) {
  const dexie = new Dexie(name)
  dexie.version(1).stores({ bytes: '', mixed: '', parts: '', endless: '', long: '', own: 'slug' })
  await dexie.bytes.put({ n: 1 }, new Uint8Array([1, 2]))
  await dexie.bytes.put({ n: 2 }, 'text')
  await dexie.mixed.put({ n: 1 }, 7)
  await dexie.mixed.put({ n: 2 }, '7')
  await dexie.parts.put({ n: 1 }, [new Date(5)])
  await dexie.parts.put({ n: 2 }, [new Date(5).toISOString()])
  await dexie.endless.put({ n: 1 }, [Infinity])
  await dexie.long.put({ n: 1 }, 'x'.repeat(600))
  await dexie.own.put({ slug: 'a', id: 'b' })
  return dexie
}

export async function fillPouch(name, count) {
  const pouch = new PouchDB(name)
  await pouch.bulkDocs(Array.from({ length: count }, (_, n) => ({ _id: `d${String(n).padStart(5, '0')}`, type: n % 2 ? 'note' : 'task', n })))
  const changed = await pouch.get('d00001')
  await pouch.put({ ...changed, n: 1000 })
  await pouch.remove(await pouch.get('d00002'))
  await pouch.put({ _id: '_design/by-n', views: { n: { map: 'function (doc) { emit(doc.n) }' } } })
  await pouch.putAttachment('with', 'a.txt', btoa('text'), 'text/plain')
  return pouch
}

export async function fillRx(name, count) {
  const rx = await createRxDatabase({ name, storage: getRxStorageDexie(), multiInstance: false })
  const schema = {
    ...{ version: 0, type: 'object', primaryKey: 'slug', required: ['slug', 'n', 'done'], indexes: ['n', ['done', 'n']] },
    properties: {
      slug: { type: 'string', maxLength: 40 },
      n: { type: 'integer', minimum: 0, maximum: 100_000, multipleOf: 1 },
      done: { type: 'boolean' },
      tags: { type: 'array', items: { type: 'string' } },
    },
  }
  await rx.addCollections({ todos: { schema } })
  await rx.todos.bulkInsert(Array.from({ length: count }, (_, n) => ({ slug: `s${String(n).padStart(5, '0')}`, n, done: n % 3 === 0, tags: ['a'] })))
  await rx.todos.findOne('s00001').remove()
  return rx
}
