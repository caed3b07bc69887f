// The table at the end: for each workload the median and 99th percentile of every engine, ratios, and whether the target is met.

/** Titles of the workloads, and how a sample becomes the figure shown. */
const ROWS = {
  bulk: { title: 'bulk insert, batches of 1,000, two indexes', rate: true },
  single: { title: 'single awaited writes' },
  inFlight: { title: 'single writes, 100 at a time', rate: true },
  get: { title: 'get by id, warm, one by one' },
  range: { title: 'range on an index, 20 documents' },
  filterSort: { title: 'filter + sort, unindexed, top 50' },
  groupBy: { title: 'group by with sum over all' },
  update: { title: 'update a tenth by an indexed range', rate: true },
  remove: { title: 'delete a tenth by an indexed range', rate: true },
  reopen: { title: 'reload: open to first get' },
  live: { title: 'live query: write resolved to callback' },
  longestTask: { title: 'longest main-thread task: bulk and compaction' },
  longestUpdate: { title: 'longest main-thread task: update of a fifth by a filter' },
  longestRemove: { title: 'longest main-thread task: delete of a fifth by a filter' },
}

/** The targets: `engine` at least `times` as fast as `than`, or at most `most` milliseconds in the median. */
const TARGETS = [
  ['bulk', 'tidewell', 'dexie', 10],
  ['single', 'tidewell', 'idb', 1 / 1.15],
  ['inFlight', 'tidewell', 'dexie', 15],
  ['get', 'tidewell', 'dexie', 25],
  ['get', 'tidewell-worker', 'dexie', 4],
  ['range', 'tidewell', 'dexie', 10],
  ['filterSort', 'tidewell', 'dexie', 15],
  ['filterSort', 'tidewell', 'sqlite', 1],
  ['groupBy', 'tidewell', 'dexie', 20],
  ['groupBy', 'tidewell', 'sqlite', 1],
  ['update', 'tidewell', 'dexie', 6],
  ['remove', 'tidewell', 'dexie', 6],
  ['reopen', 'tidewell', 'dexie', 1],
]
const LIMITS = [
  ['live', 'tidewell', 1],
  ['longestTask', 'tidewell', 16],
  ['longestUpdate', 'tidewell', 16],
  ['longestRemove', 'tidewell', 16],
]

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]

/** Median and 99th percentile per operation, in milliseconds. */
export const summarise = ({ samples, each }) => {
  const sorted = samples.map((sample) => sample / each).sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), mean: sorted.reduce((sum, x) => sum + x, 0) / sorted.length, count: sorted.length }
}

const time = (ms) => (ms >= 100 ? `${ms.toFixed(0)} ms` : ms >= 1 ? `${ms.toFixed(1)} ms` : ms >= 0.1 ? `${ms.toFixed(2)} ms` : `${(ms * 1000).toFixed(1)} µs`)
const rate = (ms) => `${(1 / ms).toFixed(1)} k/s`

/** The whole report as Markdown. `results[workload][engine]` is a summary. */
export const report = ({ engines, results, durabilities, scale, parameters }) => {
  const lines = [`${parameters.total.toLocaleString('en')} documents of about 400 bytes, ${parameters.rounds} rounds, interleaved, headless Chromium.`, '']
  for (const engine of engines) lines.push(`- ${engine}: ${durabilities[engine]}`)
  lines.push('', `| work | ${engines.join(' | ')} |`, `|---|${engines.map(() => '---|').join('')}`)
  for (const [workload, { title, rate: isRate }] of Object.entries(ROWS)) {
    const cells = engines.map((engine) => {
      const summary = results[workload]?.[engine]
      if (summary === undefined) return '–'
      const shown = isRate ? rate(summary.mean) : `${time(summary.median)} / ${time(summary.p99)}`
      const dexie = results[workload].dexie
      const ratio = dexie === undefined || engine === 'dexie' ? '' : ` (×${(figure(workload, dexie) / figure(workload, summary)).toFixed(1)})`
      return shown + ratio
    })
    lines.push(`| ${title} | ${cells.join(' | ')} |`)
  }
  lines.push('', 'Times are median / 99th percentile per operation; × is how many times as fast as Dexie.', '', '| target | wanted | measured | |', '|---|---|---|---|')
  for (const [workload, engine, than, times] of TARGETS) {
    const [ours, theirs] = [results[workload]?.[engine], results[workload]?.[than]]
    if (ours === undefined || theirs === undefined) continue
    const measured = figure(workload, theirs) / figure(workload, ours)
    lines.push(`| ${ROWS[workload].title}: ${engine} to ${than} | ×${times.toFixed(2)} | ×${measured.toFixed(2)} | ${measured >= times ? 'met' : 'MISSED'} |`)
  }
  for (const [workload, engine, most] of LIMITS) {
    const ours = results[workload]?.[engine]
    if (ours === undefined) continue
    lines.push(`| ${ROWS[workload].title} | ≤ ${most} ms | ${time(ours.median)} | ${ours.median <= most ? 'met' : 'MISSED'} |`)
  }
  if (scale.length > 0) {
    lines.push('', '| documents | open to first get after a reload | memory held by the engine |', '|---|---|---|')
    for (const { total, reopen, memory } of scale) lines.push(`| ${total.toLocaleString('en')} | ${time(reopen)} | ${memory} |`)
  }
  return lines.join('\n')
}

/** What is compared: the mean where a rate is shown, else the median. */
const figure = (workload, summary) => (ROWS[workload].rate ? summary.mean : summary.median)
