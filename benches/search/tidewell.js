// Tidewell: documents and index in one database, durable; the queries' own defaults.
import { open } from '/tidewell.js'

export const engine = ({ fields, english }) => {
  let db
  let docs
  const analyzer = english ? 'english' : 'standard'
  const search = Object.fromEntries(fields.map((field) => [field, { weight: 1, analyzer }]))
  const info = async () => (await db.collections()).find(({ name }) => name === 'docs').search
  const ids = ({ hits }) => hits.map(({ id }) => id)
  return {
    async open(name) {
      db = await open(name)
      docs = db.collection('docs', { search })
    },
    /** Search is in the second half of the program, which pages load once they are open. */
    loaded: () => db.stats(),
    async build(documents) {
      for (let at = 0; at < documents.length; at += 1000) await docs.insertMany(documents.slice(at, at + 1000))
    },
    /** Lets background merging come to rest; nobody waits for it but the bench. */
    async settle() {
      let segments
      do {
        segments = (await info()).segments
        await new Promise((done) => setTimeout(done, 1500))
      } while ((await info()).segments !== segments)
    },
    bytes: async () => (await info()).bytes,
    query: async (text, kind) => ids(await docs.search(text, { limit: 10, prefix: kind === 'prefix', fuzzy: kind === 'fuzzy' ? 1 : 0, projection: { id: 1 } })),
    update: (document) => docs.put(document),
    remove: (id) => docs.delete(id),
    async memory() {
      const { engine, searchBytes } = await db.stats()
      return { search: searchBytes, blocks: engine.memtableBytes + engine.cache.hotBytes + engine.cache.coldBytes + engine.cache.metaBytes }
    },
    close: () => db.close(),
  }
}
