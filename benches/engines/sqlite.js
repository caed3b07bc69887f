// SQLite on the origin-private file system (opfs-sahpool), which lives in a worker: every call is a message there and back.
// `synchronous=OFF`: as durable as the others' default.

export const engine = () => {
  let worker
  let next = 0
  const waiting = new Map()
  const call = (method, ...values) =>
    new Promise((resolve, reject) => {
      const id = next++
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, method, values })
    })
  const methods = ['bulk', 'put', 'get', 'range', 'filterSort', 'groupBy', 'update', 'remove', 'count']
  return {
    durability: 'synchronous=OFF on OPFS: written to the file, not flushed; survives a killed browser',
    async open(name) {
      worker = new Worker('/bench/sqlite-worker.js', { type: 'module' })
      worker.onmessage = ({ data: { id, value, error } }) => {
        const { resolve, reject } = waiting.get(id)
        waiting.delete(id)
        if (error === undefined) resolve(value)
        else reject(new Error(error))
      }
      await call('open', name)
    },
    ...Object.fromEntries(methods.map((method) => [method, (...values) => call(method, ...values)])),
    async close() {
      await call('close')
      worker.terminate()
    },
  }
}
