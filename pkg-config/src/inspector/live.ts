/** What goes on: live queries, caches with hits and misses, topics with the lag of their groups, jobs. */
import type { Database } from '../database.js'
import type { Inspection } from '../types/inspection.js'
import { bytes, h, integer, table } from './dom.js'
import type { Panel } from './panel.js'

/** Characters of a filter that are shown. */
const FILTER_MAX = 90

/** The panel. */
export function livePanel(db: Database): Panel {
  const element = h('div')
  const refresh = async () => {
    const now = await db.inspect()
    element.replaceChildren(
      ...part('Live queries', now.live.length, 'No live query in this tab.', () => queries(now)),
      ...part('Caches', now.caches.length, 'No cache.', () => caches(now)),
      ...part('Topics', now.topics.length, 'No topic.', () => topics(now)),
      ...part('Jobs', now.jobs.length, 'No job.', () => jobs(now)),
    )
  }
  return { name: 'Live', element, refresh }
}

function part(title: string, count: number, otherwise: string, made: () => HTMLElement): HTMLElement[] {
  return [h('h3', {}, title), count === 0 ? h('p', { class: 'note' }, otherwise) : made()]
}

function queries({ live }: Inspection): HTMLElement {
  return table(
    ['', 'collection', 'of'],
    live.map(({ op, collection, ...rest }) => {
      const text = JSON.stringify(rest)
      return [op, collection, h('code', {}, text.length > FILTER_MAX ? `${text.slice(0, FILTER_MAX)}…` : text)]
    }),
  )
}

function caches({ caches: all }: Inspection): HTMLElement {
  const rows = all.map(({ name, entries, bytes: stored, figures }) => {
    const own =
      figures === undefined
        ? ['–', '–', '–']
        : [figures.hits.memory + figures.hits.disk, figures.misses, figures.invalidations].map(integer)
    return [name, ...own, integer(entries), bytes(stored)]
  })
  return table(['', 'hits', 'misses', 'removed by commits', 'entries', 'stored'], rows)
}

function topics({ topics: all }: Inspection): HTMLElement {
  const rows = all.flatMap(({ name, messages, scheduled, groups }) => {
    const kept = `${integer(messages)}${scheduled > 0 ? `, ${integer(scheduled)} later` : ''}`
    if (groups.length === 0) return [[name, kept, '–', '–', '–']]
    return groups.map(({ name: group, lag, inFlight, members, paused }) => [
      name,
      kept,
      `${group}${paused ? ' (paused)' : ''}`,
      lag === 0
        ? 'up to date'
        : h(
            'span',
            { class: 'lag' },
            h('meter', { max: Math.max(messages, lag), value: lag }),
            ` ${integer(lag)} behind`,
          ),
      `${integer(inFlight)} by ${integer(members)}`,
    ])
  })
  return table(['', 'messages', 'group', 'lag', 'in work'], rows)
}

function jobs({ jobs: all }: Inspection): HTMLElement {
  return table(
    ['', 'state', 'rows', 'done'],
    all.map(({ name, state, phase, rows, rowsTotal }) => [
      name,
      state === 'running' ? phase : state,
      `${integer(rows)} of ${integer(rowsTotal)}`,
      h('progress', {
        max: Math.max(rowsTotal, 1),
        value: state === 'done' ? Math.max(rowsTotal, 1) : rows,
        'aria-label': `Progress of ${name}`,
      }),
    ]),
  )
}
