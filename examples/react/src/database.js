import { open } from 'tidewell'

export const COLUMNS = ['to do', 'doing', 'done']

const db = await open('board')
export const tasks = db.collection('tasks', { indexes: [['column', 'rank']] })
/** What was done, to be undone: each entry is the task before and after. */
export const moves = db.collection('moves', { indexes: ['at'] })

/** The rank behind the last task of a column. */
const behind = async (tx, column) => {
  const last = await tx.collection(tasks).find({ column }).sort({ rank: -1 }).first()
  return (last?.rank ?? 0) + 1
}

export const addTask = (title) =>
  db.transaction(async (tx) => {
    const rank = await behind(tx, COLUMNS[0])
    const after = await tx.collection(tasks).insert({ title, column: COLUMNS[0], rank })
    await tx.collection(moves).insert({ at: new Date(), before: null, after })
  })

/** Moves a task one column on (or back, or with 0 out of the board) and remembers it, in one commit. */
export const moveTask = (id, by) =>
  db.transaction(async (tx) => {
    const before = await tx.collection(tasks).get(id)
    if (before === null) return
    const column = COLUMNS[COLUMNS.indexOf(before.column) + by]
    if (column === undefined) return
    const after = by === 0 ? null : { ...before, column, rank: await behind(tx, column) }
    if (after === null) await tx.collection(tasks).delete(id)
    else await tx.collection(tasks).put(after)
    await tx.collection(moves).insert({ at: new Date(), before, after })
  })

/** Takes back the last thing that was done, in whatever tab. */
export const undo = () =>
  db.transaction(async (tx) => {
    const last = await tx.collection(moves).find().sort({ at: -1, id: -1 }).first()
    if (last === null) return
    if (last.before === null) await tx.collection(tasks).delete(last.after.id)
    else await tx.collection(tasks).put(last.before)
    await tx.collection(moves).delete(last.id)
  })
