// FlexSearch with whole words (`strict`); it does not score by BM25. What it exports is kept; with `fastupdate` it could not import that again.
import { Document } from 'flexsearch'
import { keeper } from './kept.js'

export const engine = ({ fields }) => {
  const kept = keeper()
  const make = () => new Document({ document: { id: 'id', index: fields }, tokenize: 'strict', fastupdate: false })
  let index = make()
  let parts
  return {
    async open(name) {
      await kept.open(name)
      parts = await kept.get()
      if (parts !== undefined) for (const [key, data] of parts) index.import(key, data)
    },
    async build(documents) {
      for (const document of documents) index.add(document)
      parts = []
      await index.export((key, data) => void parts.push([key, data]))
      await kept.put(parts)
    },
    bytes: async () => parts.reduce((sum, [, data]) => sum + (data?.length ?? 0), 0),
    query: async (words) => {
      const found = index.search(words, { limit: 10, suggest: true })
      return [...new Set(found.flatMap(({ result }) => result))].slice(0, 10)
    },
    update: async (document) => index.update(document),
    remove: async (id) => index.remove(id),
    close: async () => kept.close(),
  }
}
