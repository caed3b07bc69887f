// The same by hand over Dexie: pages by primary key into a map, the result in one transaction. Nothing is checkpointed: a killed tab
// begins again.
import Dexie from 'dexie'

const PAGE = 1000
const add = (sums, key, value) => sums.set(key, (sums.get(key) ?? 0) + value)
const WORK = {
  'sum by group': (document, sums) => add(sums, document.group, document.amount),
  'word count': (document, sums) => {
    for (const word of document.body.split(' ')) if (word !== '') add(sums, word, 1)
  },
}

export const engine = () => {
  let db
  return {
    ways: () => ['pages by key', 'each'],
    async open(name) {
      db = new Dexie(name)
      db.version(1).stores({ docs: 'id', out: 'id' })
      await db.open()
    },
    bulk: (documents) => db.docs.bulkAdd(documents),
    async run(work, way) {
      const sums = new Map()
      if (way === 'each') await db.docs.each((document) => WORK[work](document, sums))
      else {
        for (let last = ''; ; ) {
          const page = await db.docs.where('id').above(last).limit(PAGE).toArray()
          if (page.length === 0) break
          for (const document of page) WORK[work](document, sums)
          last = page.at(-1).id
        }
      }
      await db.transaction('rw', db.out, async () => {
        await db.out.clear()
        await db.out.bulkPut([...sums].map(([id, value]) => ({ id, value })))
      })
      return (await db.out.toArray()).map(({ id, value }) => [id, value])
    },
    settle: () => Promise.resolve(),
    close: async () => db.close(),
  }
}
