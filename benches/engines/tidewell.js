// Tidewell on the calling thread, or with `worker` in a dedicated worker.
import { open } from '/tidewell.js'

const INDEXES = ['n', 's']

export const engine = (options = {}) => {
  let db
  let docs
  return {
    durability: 'relaxed: IndexedDB transaction complete, survives a killed browser',
    async open(name) {
      db = await open(name, options)
      docs = db.collection('docs', { indexes: INDEXES })
      await docs.indexes()
    },
    bulk: (documents) => docs.insertMany(documents),
    put: (document) => docs.put(document),
    get: (id) => docs.get(id),
    range: (low, count) => docs.find({ n: { $gte: low } }).sort({ n: 1 }).limit(count).toArray(),
    filterSort: (groups, amount, count) => docs.find({ group: { $in: groups }, amount: { $gte: amount } }).sort({ amount: -1 }).limit(count).toArray(),
    groupBy: () => docs.aggregate([{ $group: { _id: '$group', sum: { $sum: '$amount' } } }]),
    update: (low, high) => docs.updateMany({ n: { $gte: low, $lt: high } }, { $set: { flag: true, title: 'changed' } }),
    remove: (low, high) => docs.deleteMany({ n: { $gte: low, $lt: high } }),
    count: () => docs.count(),
    stats: () => db.stats(),
    live: (amount, deliver) => docs.find({ amount: { $gte: amount } }).sort({ amount: -1 }).limit(50).subscribe(deliver),
    close: () => db.close(),
  }
}
