// SQLite FTS5 on the origin-private file system, in its worker; Porter stemming where the others stem. No typos: it has none.
export const engine = (options) => {
  let worker
  let next = 0
  const waiting = new Map()
  const call = (method, ...values) =>
    new Promise((resolve, reject) => {
      waiting.set(next, { resolve, reject })
      worker.postMessage({ id: next++, method, values })
    })
  return {
    async open(name) {
      worker = new Worker('/bench/fts5-worker.js', { type: 'module' })
      worker.onmessage = ({ data: { id, value, error } }) => {
        const { resolve, reject } = waiting.get(id)
        waiting.delete(id)
        if (error === undefined) resolve(value)
        else reject(new Error(error))
      }
      await call('open', name, options)
    },
    build: (documents) => call('build', documents),
    bytes: () => call('bytes'),
    query: (words, kind) => (kind === 'fuzzy' ? undefined : call('query', words, kind)),
    update: (document) => call('update', document),
    remove: (id) => call('remove', id),
    async close() {
      await call('close')
      worker.terminate()
    },
  }
}
