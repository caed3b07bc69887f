// Tidewell and `tidewell-server`.
import { open } from '/tidewell.js'

let db
let notes
let sync

export default {
  async open(name) {
    db = await open(name)
    notes = db.collection('notes')
  },
  write: (documents) => notes.insertMany(documents.map(({ _id, ...rest }) => ({ id: _id, ...rest }))),
  put: ({ _id, ...rest }) => notes.insert({ id: _id, ...rest }),
  async join({ url, token }) {
    sync = db.sync({ url, token, collections: ['notes'] })
    await sync.ready
  },
  /** Resolves once nothing is left to send or to receive. */
  settled: () => sync.now(),
  count: () => notes.count(),
  /** Calls back with the id of each document that arrives. */
  listen(arrived) {
    const known = new Set()
    return new Promise((listening) => {
      notes.find({ live: true }).subscribe(({ docs }) => {
        for (const { id } of docs) {
          if (known.has(id)) continue
          known.add(id)
          arrived(id)
        }
        listening()
      })
    })
  },
  async close() {
    await db.close()
  },
}
