import { open, TidewellError } from 'tidewell'
import { catalogue } from './catalogue.js'

/** The database of this isolate: filled by its first request, shared by all. */
let filled

async function fill() {
  const db = await open('catalogue')
  const books = db.collection('books', { search: { title: 3, author: 2 }, indexes: ['shelf'] })
  await books.putMany(catalogue)
  return { db, books }
}

/** How many books stand on each shelf. Computed once, as long as no book changes. */
const shelves = ({ db, books }) =>
  db.cache('views').compute('shelves', ({ collection }) => collection(books).aggregate([{ $sortByCount: '$shelf' }]))

async function answer({ pathname, searchParams }) {
  filled ??= fill()
  const all = await filled
  const query = searchParams.get('q') ?? ''
  const shelf = searchParams.get('shelf')
  switch (pathname) {
    case '/':
      return { shelves: await shelves(all), try: ['/search?q=sychronous', '/search?q=tide&shelf=sea', '/suggest?q=mach'] }
    case '/search': {
      const options = { fuzzy: 'auto', prefix: 'last', facets: ['shelf'], highlight: true, limit: 10 }
      const { hits, facets, total } = await all.books.search(query, { ...options, ...(shelf === null ? {} : { filter: { shelf } }) })
      return { total, shelves: facets.shelf, hits: hits.map(({ doc, score, highlights }) => ({ ...doc, score, highlights })) }
    }
    case '/suggest':
      return all.books.suggest(query, { field: 'title', limit: 5 })
  }
}

export default {
  async fetch(request) {
    try {
      const found = await answer(new URL(request.url))
      return found === undefined ? new Response('no such page\n', { status: 404 }) : Response.json(found)
    } catch (error) {
      // The input was wrong, and the message says how.
      if (error instanceof TidewellError && error.code === 'invalid') return Response.json({ error: error.message }, { status: 400 })
      throw error
    }
  },
}
