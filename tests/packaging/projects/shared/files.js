// Storage in files: stores in one process and looks in another, or writes for ever until it is killed.

/** Adds a note for this process; answers where data lives and how many notes there are. */
export async function visit({ open }, directory) {
  const db = await open('app', { directory })
  const { kind } = await db.storage()
  const notes = db.collection('notes', { indexes: ['at'], search: ['title'] })
  await notes.insert({ title: 'Tide tables', at: new Date() })
  const [count, { total }] = [await notes.count(), await notes.search('tide', { total: true })]
  await db.close()
  return { kind, count, total }
}

/** Writes numbers one after another, and says each that was acknowledged. */
export async function write({ open }, directory, say) {
  const db = await open('app', { directory })
  const numbers = db.collection('numbers')
  for (let number = await numbers.count(); ; number++) {
    await numbers.insert({ id: String(number), text: 'x'.repeat(number % 500) })
    say(number)
  }
}
