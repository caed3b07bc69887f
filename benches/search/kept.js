// Where the engines in JavaScript keep their index: they export it whole, as text, into one IndexedDB record.
import { openDB } from 'idb'

export const keeper = () => {
  let db
  return {
    async open(name) {
      db = await openDB(name, 1, { upgrade: (fresh) => fresh.createObjectStore('kept') })
    },
    put: (value) => db.put('kept', value, 'index'),
    get: () => db.get('kept', 'index'),
    close: () => db.close(),
  }
}
