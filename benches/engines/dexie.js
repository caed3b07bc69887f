// Dexie as its documentation says: bulkAdd, where, modify.
import Dexie from 'dexie'

export const engine = () => {
  let db
  return {
    durability: 'relaxed: IndexedDB transaction complete, survives a killed browser',
    async open(name) {
      db = new Dexie(name)
      db.version(1).stores({ docs: 'id, n, s' })
      await db.open()
    },
    bulk: (documents) => db.docs.bulkAdd(documents),
    put: (document) => db.docs.put(document),
    get: (id) => db.docs.get(id),
    range: (low, count) => db.docs.where('n').aboveOrEqual(low).limit(count).toArray(),
    async filterSort(groups, amount, count) {
      const wanted = new Set(groups)
      const found = await db.docs.filter((doc) => wanted.has(doc.group) && doc.amount >= amount).toArray()
      return found.sort((a, b) => b.amount - a.amount).slice(0, count)
    },
    async groupBy() {
      const sums = new Map()
      await db.docs.each((doc) => sums.set(doc.group, (sums.get(doc.group) ?? 0) + doc.amount))
      return [...sums].map(([_id, sum]) => ({ _id, sum }))
    },
    update: (low, high) => db.docs.where('n').between(low, high).modify({ flag: true, title: 'changed' }),
    remove: (low, high) => db.docs.where('n').between(low, high).delete(),
    count: () => db.docs.count(),
    close: async () => db.close(),
  }
}
