/** Latencies as a chart with its table, and what the database is made of. */
import type { Database } from '../database.js'
import type { Latency } from '../types/options.js'
import { bytes, duration, h, integer, svg, table } from './dom.js'
import type { Panel } from './panel.js'

const [WIDTH, ROW, LABEL] = [420, 26, 92]
/** The ends of the scale in milliseconds. */
const [LOW, HIGH] = [Math.log10(0.001), Math.log10(10_000)]
const TICKS = [
  [0.001, '1 µs'],
  [0.1, '0.1 ms'],
  [10, '10 ms'],
  [1000, '1 s'],
] as const
/** What the inspector itself asks. */
const OWN = new Set(['names', 'topicStats', 'jobs', 'call'])

const place = (ms: number) => {
  const share = (Math.log10(Math.max(ms, 0.001)) - LOW) / (HIGH - LOW)
  return LABEL + Math.min(Math.max(share, 0), 1) * (WIDTH - LABEL - 10)
}

/** The panel of latencies. */
export function latencyPanel(db: Database): Panel {
  const element = h('div', {}, h('p', { class: 'note' }, 'Nothing was measured yet.'))
  const refresh = async () => {
    const { operations } = await db.stats()
    const rows = Object.entries(operations).filter(([name, { count }]) => count > 0 && !OWN.has(name))
    if (rows.length > 0) element.replaceChildren(chart(rows), legend(), figures(rows))
  }
  return { name: 'Latency', element, refresh }
}

function chart(rows: readonly (readonly [string, Latency])[]): SVGElement {
  const height = rows.length * ROW + 20
  const grid = TICKS.flatMap(([ms, text]) => [
    svg('line', { x1: place(ms), x2: place(ms), y1: 0, y2: height - 16, class: 'grid' }),
    svg('text', { x: place(ms), y: height - 3, class: 'tick' }, text),
  ])
  const bars = rows.flatMap(([name, { p50, p90, p99 }], at) => {
    const y = at * ROW + ROW / 2
    const line = (to: number, kind: string) =>
      svg('line', { x1: place(p50), x2: Math.max(place(to), place(p50) + 1), y1: y, y2: y, class: kind })
    return [
      svg('text', { x: 0, y: y + 4 }, name.length > 14 ? `${name.slice(0, 13)}…` : name),
      line(p99, 'p99'),
      line(p90, 'p90'),
      svg('circle', { cx: place(p50), cy: y, r: 5 }),
    ]
  })
  const label = 'Latency by operation on a logarithmic scale; the table below says the same'
  return svg('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': label }, ...grid, ...bars)
}

function legend(): HTMLElement {
  const key = (kind: string, text: string) => h('span', { class: `key ${kind}` }, text)
  return h('p', { class: 'note legend' }, key('p50', 'median'), key('p90', '90 %'), key('p99', '99 %'))
}

function figures(rows: readonly (readonly [string, Latency])[]): HTMLElement {
  return table(
    ['', 'calls', 'median', '90 %', '99 %', 'most'],
    rows.map(([name, { count, p50, p90, p99, max }]) => [
      name,
      integer(count),
      ...[p50, p90, p99, max].map((ms) => duration(ms)),
    ]),
  )
}

/** The panel of storage. */
export function storagePanel(db: Database): Panel {
  const element = h('div')
  const refresh = async () => {
    const [{ engine, transactions }, { kind, quota, usage, persisted }] = await Promise.all([db.stats(), db.storage()])
    const number = (name: string) => Number(engine[name] ?? 0)
    const levels = (engine['levels'] ?? []) as { tables: number; entries: number; storedBytes: number }[]
    const cache = (engine['cache'] ?? {}) as Record<string, number>
    const at = (name: string) => cache[name] ?? 0
    const looked = at('hotHits') + at('coldHits') + at('misses')
    const found = looked === 0 ? '–' : `${((100 * (looked - at('misses'))) / looked).toFixed(1)} %`
    const promise = persisted ? 'kept' : 'may be evicted'
    const used = `${bytes(usage)} of ${bytes(quota)} used by this origin, ${promise}`
    element.replaceChildren(
      h('p', { class: 'note' }, `${kind === 'memory' ? 'In memory only' : kind}: ${used}`),
      table(
        [],
        [
          ['position of the log', integer(number('position'))],
          ['log not yet in tables', bytes(number('logBytes'))],
          ['recent writes in memory', bytes(number('memtableBytes'))],
          ['block cache', `${bytes(at('hotBytes') + at('coldBytes'))} of ${bytes(number('memoryBudget'))}`],
          ['found in it', found],
          ['transactions under way', integer(transactions)],
          ['flushes, compactions', `${integer(number('flushes'))}, ${integer(number('compactions'))}`],
          ['races lost to other tabs', integer(number('lostRaces'))],
        ],
      ),
      table(
        ['', 'tables', 'entries', 'stored'],
        levels.map(({ tables, entries, storedBytes }, depth) => [
          `level ${depth}`,
          integer(tables),
          integer(entries),
          bytes(storedBytes),
        ]),
      ),
    )
  }
  return { name: 'Storage', element, refresh }
}
