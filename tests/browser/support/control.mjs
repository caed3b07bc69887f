// The control of the kill tests: plain IndexedDB beside Tidewell, in the same origin. Where the browser itself loses what its own
// transactions acknowledged, Tidewell cannot keep it; then the claim is that it says so.

/** Opens the control, in a page; `created` tells what the browser said when it had to create it. */
const openControl = () =>
  new Promise((resolve, reject) => {
    let created
    const request = indexedDB.open('control', 1)
    request.onupgradeneeded = (event) => {
      created = { loss: event.dataLoss, message: event.dataLossMessage }
      request.result.createObjectStore('n')
    }
    request.onsuccess = () => resolve({ database: request.result, created })
    request.onerror = () => reject(request.error)
  })

/** Runs in a page: writes numbers behind those that are there, for ever, and tells each that a transaction acknowledged. */
export const control = `(async () => {
  const { database } = await (${openControl})()
  const done = (run) => new Promise((resolve, reject) => {
    const transaction = database.transaction('n', 'readwrite')
    const request = run(transaction.objectStore('n'))
    transaction.oncomplete = () => resolve(request.result)
    transaction.onabort = () => reject(transaction.error)
  })
  let next = (await done((store) => store.count())) + 1
  const write = async () => {
    for (;; next++) {
      const number = next
      await done((store) => store.add(new Uint8Array(200), number))
      console.log('control ' + number)
      await new Promise((resume) => setTimeout(resume, 10))
    }
  }
  write().catch((error) => console.log('failed control ' + error))
})()`

/** What the control lost of the acknowledged numbers, with the browser's own words; `undefined` if nothing. */
export const controlled = async (page, acknowledged) => {
  const { numbers, created } = await page.evaluate(`(async () => {
    const { database, created } = await (${openControl})()
    const request = database.transaction('n').objectStore('n').getAllKeys()
    const numbers = await new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    database.close()
    return { numbers, created }
  })()`)
  const there = new Set(numbers)
  const lost = acknowledged.filter((number) => !there.has(number)).length
  return lost > 0 ? { lost, of: acknowledged.length, created } : undefined
}
