// Orama as it comes (any word, whole words unless a prefix is asked for); kept as its JSON.
import { create, insertMultiple, load, remove, save, search, update } from '@orama/orama'
import { keeper } from './kept.js'

export const engine = ({ fields }) => {
  const kept = keeper()
  const make = () => create({ schema: Object.fromEntries(fields.map((field) => [field, 'string'])) })
  let index
  let text
  return {
    async open(name) {
      await kept.open(name)
      text = await kept.get()
      index = make()
      if (text !== undefined) load(index, JSON.parse(text))
    },
    async build(documents) {
      await insertMultiple(index, documents, 1000)
      text = JSON.stringify(save(index))
      await kept.put(text)
    },
    bytes: async () => text.length,
    query: async (term, kind) => (await search(index, { term, limit: 10, threshold: 1, exact: false, tolerance: kind === 'fuzzy' ? 1 : 0 })).hits.map(({ id }) => id),
    update: (document) => update(index, document.id, document),
    remove: (id) => remove(index, id),
    close: async () => kept.close(),
  }
}
