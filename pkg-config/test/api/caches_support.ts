/** What claims about caches share. */
import type { Database } from '../../src/index.js'

export interface Note {
  id: string
  tag: string
  n: number
}

export const notesOf = async (db: Database) => {
  const notes = db.collection<Note>('notes', { indexes: ['tag'] })
  await notes.insertMany([
    { id: 'a', tag: 'sea', n: 1 },
    { id: 'b', tag: 'sea', n: 2 },
    { id: 'c', tag: 'hill', n: 3 },
  ])
  return notes
}

/** A clock that a test moves. */
export const clockOf = () => {
  const time = { wall: 1_700_000_000_000, monotonic: 0 }
  return { time, clock: { wall: () => time.wall, monotonic: () => time.monotonic } }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
