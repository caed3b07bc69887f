// Tidewell: documents and index in one database, durable; the queries' own defaults.
import { open } from '/tidewell.js'

export const engine = ({ fields, english }) => {
  let db
  let docs
  const analyzer = english ? 'english' : 'standard'
  const search = Object.fromEntries(fields.map((field) => [field, { weight: 1, analyzer }]))
  const ids = ({ hits }) => hits.map(({ id }) => id)
  return {
    async open(name) {
      db = await open(name)
      docs = db.collection('docs', { search })
    },
    async build(documents) {
      for (let at = 0; at < documents.length; at += 1000) await docs.insertMany(documents.slice(at, at + 1000))
    },
    /** Waits until background merging has come to rest. */
    async settle() {
      for (let last = -1, now = 0; now !== last; ) {
        await new Promise((done) => setTimeout(done, 1500))
        ;[last, now] = [now, (await this.info()).segments * 1e9 + (await this.info()).bytes]
      }
    },
    info: async () => (await db.collections()).find(({ name }) => name === 'docs').search,
    bytes: async () => (await db.collections()).find(({ name }) => name === 'docs').search.bytes,
    query: async (text, kind) => ids(await docs.search(text, { limit: 10, prefix: kind === 'prefix', fuzzy: kind === 'fuzzy' ? 1 : 0, projection: { id: 1 } })),
    update: (document) => docs.put(document),
    remove: (id) => docs.delete(id),
    stats: () => db.stats(),
    close: () => db.close(),
  }
}
