/** What claims about jobs share: notes with words in them, and the words counted by hand. */
import type { Database } from '../../src/index.js'
import { fill } from './harness.js'

export interface Note {
  id: string
  tag: string
  n: number
  text: string
}

const WORDS = ['sea', 'hill', 'tide', 'moon', 'salt']

export const notesOf = async (db: Database, count = 1200) => {
  const notes = db.collection<Note>('notes')
  await fill(notes, count, (at) => ({
    id: `n${String(at).padStart(5, '0')}`,
    tag: `t${at % 7}`,
    n: at % 13,
    text: `${WORDS[at % 5]} ${WORDS[(at * 3) % 5]} ${WORDS[at % 3]}`,
  }))
  return notes
}

export interface Row {
  id: string
  value: number
}

export const words = (note: Note, emit: (key: unknown, value: number) => void) => {
  for (const word of note.text.split(' ')) emit(word, 1)
}
export const sum = (_: unknown, values: readonly number[]) => values.reduce((a, b) => a + b, 0)
export const rowsOf = (db: Database, name = 'counts') => db.collection<Row>(name).find().toArray()

/** Word counts by hand. */
export const counted = async (db: Database): Promise<Row[]> => {
  const counts = new Map<string, number>()
  for (const note of await db.collection<Note>('notes').find().toArray())
    for (const word of note.text.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, value]) => ({ id, value }))
}
