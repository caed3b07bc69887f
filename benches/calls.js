// Calls of a worker's methods: a message there, `{ id, method, values }`, and one back, `{ id, value }` or `{ id, error }`.

/** The page's end: starts the worker. */
export const startWorker = (address) => {
  const worker = new Worker(address, { type: 'module' })
  const waiting = new Map()
  let next = 0
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(value)
    else reject(new Error(error))
  }
  const call = (method, ...values) =>
    new Promise((resolve, reject) => {
      const id = next++
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, method, values })
    })
  const close = async () => {
    await call('close')
    worker.terminate()
  }
  return { call, close }
}

/** The worker's end: answers with what its methods return. */
export const serveCalls = (methods) => {
  globalThis.onmessage = async ({ data: { id, method, values } }) => {
    try {
      postMessage({ id, value: await methods[method](...values) })
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) })
    }
  }
}
