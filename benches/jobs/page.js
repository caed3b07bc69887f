// The page of the benchmark of jobs: one engine, named in the address, and the same documents for each.
import { documentsOf } from '../documents.js'

const name = new URL(location.href).searchParams.get('engine')
const { engine: make } = await import(`/bench/jobs-${name}.js`)
const engine = make()

/** Runs `work` and watches how long the page goes without a frame. */
const watched = async (work) => {
  const seen = { longest: 0, on: true }
  let last = performance.now()
  const frame = () => {
    const now = performance.now()
    seen.longest = Math.max(seen.longest, now - last)
    last = now
    if (seen.on) requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  const started = performance.now()
  const result = await work()
  const ms = performance.now() - started
  seen.on = false
  return { result, ms, longest: seen.longest }
}

window.bench = {
  ways: (work) => engine.ways(work),
  async fill(database, total) {
    await engine.open(database)
    for (let at = 0; at < total; at += 1000) await engine.bulk(documentsOf(at, Math.min(1000, total - at), total))
    await engine.settle()
  },
  async run(work, way) {
    const { result, ms, longest } = await watched(() => engine.run(work, way))
    const sum = result.reduce((all, [, value]) => all + value, 0)
    return { ms, longest, rows: result.length, sum: Math.round(sum) }
  },
  close: () => engine.close(),
}
