// A page of the benchmark of partitions: it runs jobs, helps another page, or has a worker that helps.
import { open } from '/tidewell.js'
import { documentsOf } from '../documents.js'
import { jobOf, works } from './split.js'

let db
let worker
let end
const answered = () => new Promise((resolve) => (worker.onmessage = resolve))

window.bench = {
  works,
  async open(name) {
    db = await open(name)
    worker = new Worker(`/bench/jobs-split-worker.js?database=${name}`, { type: 'module' })
    await answered()
  },
  async fill(total) {
    for (let at = 0; at < total; at += 1000) await db.collection('docs').insertMany(documentsOf(at, Math.min(1000, total - at), total))
    await db.flush()
  },
  /** The page's worker helps with that job; null: with none. */
  async helped(job) {
    const told = answered()
    worker.postMessage(job)
    await told
  },
  /** This page helps with that job; null: with none. */
  help(job) {
    end?.()
    end = job === null ? undefined : jobOf(db, job.work, job.partitions).help()
  },
  async run({ work, partitions }) {
    const begun = performance.now()
    const { rows } = await jobOf(db, work, partitions).run()
    const ms = performance.now() - begun
    const out = await db.collection('out').find().toArray()
    return { ms, rows, results: out.length, sum: Math.round(out.reduce((all, { value }) => all + value, 0)) }
  },
}
