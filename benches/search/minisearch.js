// MiniSearch as it comes; kept as its JSON.
import MiniSearch from 'minisearch'
import { keeper } from './kept.js'

export const engine = ({ fields }) => {
  const kept = keeper()
  const options = { fields, storeFields: [], idField: 'id' }
  let index
  let text
  return {
    async open(name) {
      await kept.open(name)
      text = await kept.get()
      if (text !== undefined) index = MiniSearch.loadJSON(text, options)
    },
    async build(documents) {
      index = new MiniSearch(options)
      index.addAll(documents)
      text = JSON.stringify(index)
      await kept.put(text)
    },
    bytes: async () => text.length,
    query: async (words, kind) => index.search(words, { prefix: kind === 'prefix', fuzzy: kind === 'fuzzy' ? 1 : false }).slice(0, 10).map(({ id }) => id),
    update: async (document) => index.replace(document),
    remove: async (id) => index.discard(id),
    close: async () => kept.close(),
  }
}
