// SQLite FTS5 on the origin-private file system, in its worker; Porter stemming where the others stem. No typos: it has none.
import { startWorker } from '../calls.js'

export const engine = (options) => {
  let worker
  return {
    async open(name) {
      worker = startWorker('/bench/fts5-worker.js')
      await worker.call('open', name, options)
    },
    build: (documents) => worker.call('build', documents),
    bytes: () => worker.call('bytes'),
    query: (words, kind) => (kind === 'fuzzy' ? undefined : worker.call('query', words, kind)),
    update: (document) => worker.call('update', document),
    remove: (id) => worker.call('remove', id),
    close: () => worker.close(),
  }
}
