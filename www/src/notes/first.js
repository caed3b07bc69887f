// The notes a visitor finds: few, so that they are read, and about what can be tried.

const FIRST = [
  ['Start here', 'Change this text on one device: it is on the other a moment later.', ['try']],
  ['Cut the network', 'Switch “Network” off on both devices, change the title here and the tags there, and switch it on again: both changes are on both. Delete on one what you change on the other, and you are asked.', ['try', 'sync']],
  ['Search forgives', 'Type “serach” or “tiddes” into the search field. Words are stemmed, typos forgiven, matches marked, and the index is never behind: it changes in the commit of its note.', ['try', 'search']],
  ['Break something', 'Below, under Faults: a slow disk, a disk that fails, a full one, a killed tab. What was acknowledged is still there.', ['try', 'durability']],
  ['Tide tables', 'High water at 06:12 and 18:40. Bring the long rope, and read the tables of the next harbour.', ['sea']],
  ['Well water', 'The well stands at 4.2 metres after the rain. Measure again on Sunday.', ['hill', 'water']],
  ['Groceries', 'Bread, lemons, olive oil, coffee. Ask Ines about the fish.', ['home']],
]

/** Writes them into a collection that is empty; with the same ids everywhere, so that two devices have them once. */
export const firstNotes = async (notes) => {
  if ((await notes.count({})) > 0) return
  const begun = Date.now() - FIRST.length * 60_000
  const documents = FIRST.map(([title, body, tags], at) => ({ id: `first-${at + 1}`, title, body, tags, changed: new Date(begun + (FIRST.length - at) * 60_000) }))
  await notes.insertMany(documents).catch((error) => {
    // Another tab was quicker.
    if (error.code !== 'conflict') throw error
  })
}
