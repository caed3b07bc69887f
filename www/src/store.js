// The page's database and what is chosen in it. The only file that opens Tidewell; everything else gets collections from here.

import { open } from './tidewell.js'

/** The database of the playground and the collection its own data set goes to. */
export const DATABASE = 'playground'
export const SAMPLE = 'papers'

/** What each data set that comes with the playground is indexed by, and searched in. */
export const INDEXES = { [SAMPLE]: ['date', 'categories', ['words', 'date']] }
export const SEARCH = { [SAMPLE]: { title: { weight: 3, analyzer: 'english' }, authors: 1 } }
const listeners = new Set()

/** What is chosen: one object, changed only through {@link change}. */
export const state = {
  /** The open database. */
  db: undefined,
  /** The collection's name. */
  name: SAMPLE,
  /** The document in the editor, as it was read. */
  chosen: undefined,
  /** The query that is shown: `{ kind, filter, sort, fields, skip, limit, pipeline }`. */
  query: undefined,
}

/** Changes the state and tells everyone which fields changed. */
export const change = (fields) => {
  Object.assign(state, fields)
  for (const listener of [...listeners]) listener(fields)
}

/** Calls `listener` after every change with the changed fields. */
export const onChange = (listener) => listeners.add(listener)

/** Opens the database; several tabs may have it open. */
export const openDatabase = async () => {
  const db = await open(DATABASE)
  change({ db })
  return db
}

/** The chosen collection. */
export const collection = () => state.db.collection(state.name)

/** A collection to load documents into; the sample's has indexes from the start. */
export const target = (name) => state.db.collection(name, name in INDEXES ? { indexes: INDEXES[name] } : {})

/** The query's documents as a find query of the API. */
export const findOf = ({ filter, sort, fields, skip, limit }, from = collection()) => {
  let query = from.find(filter)
  if (sort !== undefined) query = query.sort(sort)
  if (fields !== undefined) query = query.project(fields)
  if (skip > 0) query = query.skip(skip)
  return query.limit(limit)
}
