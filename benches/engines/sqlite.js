// SQLite on the origin-private file system (opfs-sahpool), which lives in a worker: every call is a message there and back.
// `synchronous=OFF`: as durable as the others' default.
import { startWorker } from '../calls.js'

export const engine = () => {
  let worker
  const methods = ['bulk', 'put', 'get', 'range', 'filterSort', 'groupBy', 'update', 'remove', 'count']
  return {
    durability: 'synchronous=OFF on OPFS: written to the file, not flushed; survives a killed browser',
    async open(name) {
      worker = startWorker('/bench/sqlite-worker.js')
      await worker.call('open', name)
    },
    ...Object.fromEntries(methods.map((method) => [method, (...values) => worker.call(method, ...values)])),
    close: () => worker.close(),
  }
}
