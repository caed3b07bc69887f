// What every place runs: stores, queries, searches, caches, subscribes, closes and opens again. It answers what was seen.

const NOTES = [
  { id: 'n1', title: 'Tide tables', tag: 'sea', due: new Date(0) },
  { id: 'n2', title: 'Ebb and tide', tag: 'sea' },
  { id: 'n3', title: 'Flood plains', tag: 'land' },
]

/** `open` of the package; `options` for it. Storage in memory is carried over by a backup. */
export async function scenario({ open }, { name = 'app', ...options } = {}) {
  const db = await open(name, options)
  const { kind } = await db.storage()
  const notes = db.collection('notes', { indexes: ['tag'], search: { title: 3 } })
  const before = await notes.count()
  await notes.putMany(NOTES)
  const queried = await ids(notes)
  const live = await firstLive(notes)
  const grouped = await notes.aggregate([{ $group: { _id: '$tag', n: { $sum: 1 } } }, { $sort: { _id: 1 } }])
  const found = (await notes.search('tide')).hits.map(({ id }) => id).sort()
  await db.cache('words').set('moon', { pulls: true })
  const cached = await db.cache('words').get('moon')
  const backup = []
  if (kind === 'memory') for await (const chunk of db.export()) backup.push(chunk)
  await db.close()

  const again = await open(name, options)
  if (kind === 'memory') await again.import(backup)
  const reopened = await ids(again.collection('notes'))
  const { due } = await again.collection('notes').get('n1')
  await again.close()
  return { kind, before, queried, live, grouped, found, cached, reopened, due: due.getTime() }
}

async function ids(notes) {
  return (await notes.find({ tag: 'sea' }).sort({ title: 1 }).toArray()).map(({ id }) => id)
}

async function firstLive(notes) {
  for await (const { docs } of notes.find({ tag: 'land' }).live()) return docs.map(({ title }) => title)
}
