// RxDB on its free Dexie storage, without its development checks.
import { createRxDatabase } from 'rxdb'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'

const SCHEMA = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 32 },
    n: { type: 'integer', minimum: 0, maximum: 10_000_000, multipleOf: 1 },
    s: { type: 'string', maxLength: 40 },
    group: { type: 'string' },
    amount: { type: 'number' },
    flag: { type: 'boolean' },
    title: { type: 'string' },
    body: { type: 'string' },
  },
  required: ['id', 'n', 's'],
  indexes: ['n', 's'],
}

export const engine = () => {
  let db
  const between = (low, high) => db.docs.find({ selector: { n: { $gte: low, $lt: high } } }).exec()
  return {
    durability: 'relaxed: IndexedDB transaction complete, survives a killed browser',
    async open(name) {
      db = await createRxDatabase({ name, storage: getRxStorageDexie(), multiInstance: false, eventReduce: true })
      await db.addCollections({ docs: { schema: SCHEMA } })
    },
    bulk: async (documents) => {
      const { error } = await db.docs.bulkInsert(documents)
      if (error.length > 0) throw new Error(`RxDB refused ${error.length} documents`)
    },
    put: (document) => db.docs.upsert(document),
    get: async (id) => (await db.docs.findOne(id).exec())?.toMutableJSON(),
    range: async (low, count) => (await db.docs.find({ selector: { n: { $gte: low } }, sort: [{ n: 'asc' }], limit: count }).exec()).map((doc) => doc.toMutableJSON()),
    filterSort: async (groups, amount, count) =>
      (await db.docs.find({ selector: { group: { $in: groups }, amount: { $gte: amount } }, sort: [{ amount: 'desc' }], limit: count }).exec()).map((doc) => doc.toMutableJSON()),
    async groupBy() {
      const sums = new Map()
      for (const doc of await db.docs.find().exec()) sums.set(doc.group, (sums.get(doc.group) ?? 0) + doc.amount)
      return [...sums].map(([_id, sum]) => ({ _id, sum }))
    },
    update: async (low, high) => db.docs.bulkUpsert((await between(low, high)).map((doc) => ({ ...doc.toMutableJSON(), flag: true, title: 'changed' }))),
    remove: async (low, high) => db.docs.bulkRemove((await between(low, high)).map(({ primary }) => primary)),
    count: () => db.docs.count().exec(),
    close: () => db.close(),
  }
}
