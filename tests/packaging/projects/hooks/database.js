// What the pages of all frameworks share: a database with notes, and how states are written for the test to read.
import { open } from 'tidewell'

export const db = await open(document.title)
export const notes = db.collection('notes', { indexes: ['tag'], search: ['title'] })
await notes.putMany([
  { id: 'n1', title: 'Ebb', tag: 'sea' },
  { id: 'n2', title: 'Tide', tag: 'sea' },
  { id: 'n3', title: 'Flood', tag: 'land' },
])

/** The query of a tag; made anew whenever it is asked for, as components do. */
export const tagged = (tag) => notes.find({ tag }).sort({ title: 1 })
/** A query that cannot even be written for the engine. */
export const unwritten = () => notes.find({ tag: () => 'no function' })
/** A query that the engine refuses. */
export const refused = () => notes.find({ tag: { $nothing: 1 } })

/** States as text. */
export const shown = ({ status, data }) => `${status}: ${(data ?? []).map(({ title }) => title).join(' ')}`
export const standing = (status) => (status === undefined ? 'nothing is synced' : `${status.state}, ${status.pending} wait`)
export const found = ({ status, data }) => `${status}: ${(data?.hits ?? []).map(({ id }) => id).join(' ')}`
