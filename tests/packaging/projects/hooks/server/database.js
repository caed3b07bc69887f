// What the renders on a server share: a database with a note, what they show, and what they say to the test.
import { open } from 'tidewell'

const db = await open('server')
export const notes = db.collection('notes', { search: ['title'] })
await notes.insert({ id: 'n1', title: 'Ebb', tag: 'sea' })

export const asked = () => notes.find({ tag: 'sea' })
/** The states of a query, a search and of no query, and how syncing stands: not at all. */
export const words = (docs, search, nothing, sync) => `${docs} ${search} ${nothing} ${sync === undefined}`

/** Says what was rendered, and what is still subscribed to. */
export async function told(rendered) {
  const { subscriptions } = await db.stats()
  await db.close()
  console.log(JSON.stringify({ ...rendered, subscriptions }))
}
