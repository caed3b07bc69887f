// PouchDB on IndexedDB, and `express-pouchdb` on LevelDB.
import PouchDB from 'pouchdb'

let db
let remote

const OPTIONS = { batch_size: 1000, batches_limit: 10 }

export default {
  async open(name) {
    db = new PouchDB(name, { adapter: 'idb' })
    await db.info()
  },
  write: (documents) => db.bulkDocs(documents),
  put: (document) => db.put(document),
  async join({ url }) {
    remote = new PouchDB(url)
  },
  /** Replicates both ways until nothing is left, then goes on live. */
  async settled() {
    await db.replicate.to(remote, OPTIONS)
    await db.replicate.from(remote, OPTIONS)
    db.sync(remote, { ...OPTIONS, live: true, retry: true })
  },
  count: async () => (await db.info()).doc_count,
  async listen(arrived) {
    db.changes({ live: true, since: 'now' }).on('change', ({ id }) => arrived(id))
  },
  async close() {
    await db.close()
  },
}
