// A small chart of latencies: for each operation a bar from the median to the 99th percentile on a logarithmic scale.

import { duration, h, integer, svg } from './dom.js'

const WIDTH = 320
const ROW = 30
const LABEL = 78
/** The ends of the scale in milliseconds: one microsecond to ten seconds. */
const LOW = Math.log10(0.001)
const HIGH = Math.log10(10_000)

const place = (milliseconds) => {
  const share = (Math.log10(Math.max(milliseconds, 0.001)) - LOW) / (HIGH - LOW)
  return LABEL + Math.min(Math.max(share, 0), 1) * (WIDTH - LABEL - 8)
}

const TICKS = [
  [0.001, '1 µs'],
  [0.1, '0.1 ms'],
  [10, '10 ms'],
  [1000, '1 s'],
]

/** The chart as an element; the table beside it says the same in words. */
export const latencyChart = (operations) => {
  const rows = Object.entries(operations).filter(([, latency]) => latency.count > 0)
  const height = rows.length * ROW + 22
  const grid = TICKS.flatMap(([milliseconds, text]) => [
    svg('line', { x1: place(milliseconds), x2: place(milliseconds), y1: 0, y2: height - 18, class: 'grid' }),
    svg('text', { x: place(milliseconds), y: height - 4, class: 'tick' }, text),
  ])
  const bars = rows.flatMap(([name, latency], index) => bar(name, latency, index * ROW))
  const chart = svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': 'Latency by operation: median, 90th and 99th percentile' },
    grid,
    bars,
  )
  return h('figure', { class: 'chart' }, chart, legend(), table(rows))
}

const bar = (name, latency, top) => {
  const middle = top + ROW / 2
  const tip = `${name}: median ${duration(latency.p50)}, 90 % ${duration(latency.p90)}, 99 % ${duration(latency.p99)}`
  const line = (from, to, kind) =>
    svg('line', { x1: place(from), x2: Math.max(place(to), place(from) + 1), y1: middle, y2: middle, class: kind })
  return svg(
    'g',
    {},
    svg('title', {}, tip),
    svg('text', { x: 0, y: middle + 4, class: 'name' }, name.length > 12 ? `${name.slice(0, 11)}…` : name),
    line(latency.p50, latency.p99, 'p99'),
    line(latency.p50, latency.p90, 'p90'),
    svg('circle', { cx: place(latency.p50), cy: middle, r: 5, class: 'p50' }),
  )
}

const legend = () =>
  h(
    'figcaption',
    {},
    h('span', { class: 'key p50' }, 'median'),
    h('span', { class: 'key p90' }, '90 %'),
    h('span', { class: 'key p99' }, '99 %'),
  )

const table = (rows) =>
  h(
    'table',
    { class: 'figures' },
    h('thead', {}, h('tr', {}, ...['', 'calls', 'median', '99 %', 'max'].map((title) => h('th', { scope: 'col' }, title)))),
    h(
      'tbody',
      {},
      ...rows.map(([name, latency]) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, name),
          h('td', {}, integer(latency.count)),
          ...[latency.p50, latency.p99, latency.max].map((value) => h('td', {}, duration(value))),
        ),
      ),
    ),
  )
