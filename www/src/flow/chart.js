// The windows of the stream as a chart that follows every commit: a stack of dishes for each ten seconds.

import { byId, h, integer, svg } from '../dom.js'
import { DISHES, WINDOW } from './kitchen.js'

const WINDOWS = 12
const [WIDTH, HEIGHT, LABELS] = [360, 150, 18]
const TICK_MILLISECONDS = 1_000

/** Draws the chart anew when a window changes, and when time goes on. */
export const makeChart = ({ windows }) => {
  let known = new Map()
  const draw = () => byId('chart').replaceChildren(chart(known), legend())
  windows
    .find({})
    .sort({ start: -1 })
    .limit(WINDOWS * Object.keys(DISHES).length)
    .subscribe(({ docs }) => {
      known = columns(docs)
      draw()
    })
  setInterval(draw, TICK_MILLISECONDS)
  draw()
}

/** By the beginning of the window, what of each dish was sold in it. */
const columns = (results) => {
  const found = new Map()
  for (const { key, start, value } of results) {
    const column = found.get(start.getTime()) ?? {}
    column[key] = value.sold
    found.set(start.getTime(), column)
  }
  return found
}

const total = (window) => Object.keys(DISHES).reduce((sum, dish) => sum + (window?.[dish] ?? 0), 0)

const chart = (windows) => {
  const now = Math.floor(Date.now() / WINDOW) * WINDOW
  const starts = Array.from({ length: WINDOWS }, (_, at) => now - (WINDOWS - 1 - at) * WINDOW)
  const shown = starts.map((start) => windows.get(start))
  const most = Math.max(10, ...shown.map(total))
  const width = WIDTH / WINDOWS
  const bars = shown.flatMap((window, at) => stack(window, at * width, width, most))
  const label = `Dishes of the last ${WINDOWS} windows: ${shown.map((window) => integer(total(window))).join(', ')}`
  const labels = starts
    .map((start, at) => [start, at])
    .filter(([, at]) => at % 3 === 1)
    .map(([start, at]) => svg('text', { x: (at + 0.5) * width, y: HEIGHT + LABELS - 4, class: 'tick', 'text-anchor': 'middle' }, clock(start)))
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT + LABELS}`, role: 'img', 'aria-label': label },
    svg('line', { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT, class: 'grid' }),
    bars,
    labels,
  )
}

const stack = (window, left, width, most) => {
  let top = HEIGHT
  return Object.keys(DISHES)
    .filter((dish) => (window?.[dish] ?? 0) > 0)
    .map((dish) => {
      const height = (window[dish] / most) * (HEIGHT - 4)
      top -= height
      const title = svg('title', {}, `${dish}: ${integer(window[dish])}`)
      return svg('rect', { x: left + 2, y: top, width: width - 4, height, class: `dish ${dish}` }, title)
    })
}

const clock = (time) => new Date(time).toLocaleTimeString('en-GB')

const legend = () => h('p', { class: 'legend' }, ...Object.keys(DISHES).map((dish) => h('span', { class: `key ${dish}` }, dish)))
