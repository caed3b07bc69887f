// Tables that wait for compaction.

/**
 * Runs in a page, which is to be loaded again at once: makes tables that are to be compacted, because five of them overlap or, with `deletes`,
 * because one is mostly deletes, above several tables of a level. Nobody does it: somebody else is the housekeeper until the page goes. Answers the number of tables in each level.
 */
export const pile = async ([name, deletes]) => {
  const housekeeper = `tidewell/${name}/tidewell/${name}/housekeeper`
  await new Promise((held) => navigator.locks.request(housekeeper, () => (held(), new Promise(() => {}))))
  const db = await window.openDatabase(name)
  const notes = db.collection('notes', { indexes: ['group'] })
  const documents = (round) => Array.from({ length: 3000 }, (_, at) => ({ id: `n${at}`, n: at, round, group: `g${at % 9}`, body: 'tide '.repeat(300) }))
  for (let round = 0; round < 5; round++) {
    await notes.putMany(documents(round))
    await db.flush()
  }
  if (deletes) {
    await db.compact()
    await notes.deleteMany(documents(0).filter(({ n }) => n >= 1000).map(({ id }) => id))
    await db.flush()
  }
  return (await db.stats()).engine.levels.map(({ tables }) => tables)
}
