/** Reading databases of IndexedDB that others made. It writes nothing, and creates none. */
import { invalid, toError, TidewellError } from '../errors.js'

/** Documents read at a time. */
export const BATCH = 500

/**
 * Opens a database that exists.
 *
 * @throws TidewellError `invalid`, reason `no-such-database`; `unavailable` where there is no IndexedDB or it does not answer.
 */
export function openExisting(name: string): Promise<IDBDatabase> {
  if (typeof indexedDB === 'undefined')
    throw new TidewellError(
      'unavailable',
      `there is no IndexedDB here: import "${name}" in a page, or give the library's own instance`,
    )
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    let isNew = false
    // It would be created: there is none of that name.
    request.onupgradeneeded = () => {
      isNew = true
      request.transaction?.abort()
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => {
      if (!isNew) return reject(toError(request.error))
      reject(invalid(`there is no IndexedDB database named ${JSON.stringify(name)} in this origin`, 'no-such-database'))
    }
  })
}

/** What a request answers. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(toError(request.error))
  })
}

/** The keys and values of a store in batches, in the order of keys. */
export async function* entries(
  database: IDBDatabase,
  store: string,
): AsyncGenerator<readonly { key: IDBValidKey; value: unknown }[]> {
  let last: IDBValidKey | undefined
  for (;;) {
    const range = last === undefined ? null : IDBKeyRange.lowerBound(last, true)
    const from = database.transaction(store).objectStore(store)
    const [keys, values] = await Promise.all([answer(from.getAllKeys(range, BATCH)), answer(from.getAll(range, BATCH))])
    if (keys.length > 0) yield keys.map((key, at) => ({ key, value: values[at] as unknown }))
    if (keys.length < BATCH) return
    last = keys.at(-1)
  }
}

/** Whether a store has keys of more than one kind (they are ordered by kind), or compound ones (they come last), whose parts may be. */
export async function hasMixedKeys(database: IDBDatabase, store: string): Promise<boolean> {
  const from = database.transaction(store).objectStore(store)
  const [first, last] = await Promise.all([
    answer(from.openKeyCursor(null, 'next')),
    answer(from.openKeyCursor(null, 'prev')),
  ])
  const kind = (key: unknown) => (typeof key === 'object' ? Object.prototype.toString.call(key) : typeof key)
  return kind(first?.key) !== kind(last?.key) || Array.isArray(last?.key)
}

/** How many values a store has. */
export function countOf(database: IDBDatabase, store: string): Promise<number> {
  return answer(database.transaction(store).objectStore(store).count())
}
