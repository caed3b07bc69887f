// Raw IndexedDB through the thin promises of `idb`: one object store, two indexes, no query engine.
import { openDB } from 'idb'

export const engine = () => {
  let db
  const walk = async (range, each) => {
    const tx = db.transaction('docs', 'readwrite')
    for (let cursor = await tx.store.index('n').openCursor(range); cursor; cursor = await cursor.continue()) each(cursor)
    await tx.done
  }
  return {
    durability: 'relaxed: IndexedDB transaction complete, survives a killed browser',
    async open(name) {
      db = await openDB(name, 1, {
        upgrade(fresh) {
          const store = fresh.createObjectStore('docs', { keyPath: 'id' })
          store.createIndex('n', 'n')
          store.createIndex('s', 's')
        },
      })
    },
    async bulk(documents) {
      const tx = db.transaction('docs', 'readwrite')
      for (const document of documents) tx.store.add(document)
      await tx.done
    },
    put: (document) => db.put('docs', document),
    get: (id) => db.get('docs', id),
    range: (low, count) => db.getAllFromIndex('docs', 'n', IDBKeyRange.lowerBound(low), count),
    async filterSort(groups, amount, count) {
      const wanted = new Set(groups)
      const all = await db.getAll('docs')
      return all.filter((doc) => wanted.has(doc.group) && doc.amount >= amount).sort((a, b) => b.amount - a.amount).slice(0, count)
    },
    async groupBy() {
      const sums = new Map()
      for (const doc of await db.getAll('docs')) sums.set(doc.group, (sums.get(doc.group) ?? 0) + doc.amount)
      return [...sums].map(([_id, sum]) => ({ _id, sum }))
    },
    update: (low, high) => walk(IDBKeyRange.bound(low, high, false, true), (cursor) => cursor.update({ ...cursor.value, flag: true, title: 'changed' })),
    remove: (low, high) => walk(IDBKeyRange.bound(low, high, false, true), (cursor) => cursor.delete()),
    count: () => db.count('docs'),
    close: async () => db.close(),
  }
}
