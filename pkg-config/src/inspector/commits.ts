/** The log as it grows: a line for each commit, and what it changed when one is opened. */
import type { Database } from '../database.js'
import type { CommitEvent, Touched } from '../types/inspection.js'
import { bytes, h, integer } from './dom.js'
import type { Panel } from './panel.js'

/** Lines that are kept. */
const KEPT = 150

/** The panel. It follows the log from when it is made, whether it is seen or not. */
export function commitsPanel(db: Database): Panel {
  const list = h('ol', { class: 'commits', 'aria-label': 'Commits, the last first', tabindex: 0 })
  const summary = h('span', { class: 'note', role: 'status' }, 'Waiting for a commit …')
  const pause = h('button', { type: 'button', 'aria-pressed': 'false' }, 'Pause')
  const clear = h('button', { type: 'button' }, 'Clear')
  let [count, size, paused] = [0, 0, false]
  let fresh: CommitEvent[] = []
  let frame: ReturnType<typeof setTimeout> | undefined
  const draw = () => {
    frame = undefined
    summary.textContent = `${integer(count)} commits, ${bytes(size)}`
    if (paused) return
    list.prepend(...fresh.reverse().map(line))
    fresh = []
    while (list.children.length > KEPT) list.lastChild?.remove()
  }
  const stop = db.on('commit', (event) => {
    count += 1
    size += event.bytes
    fresh.push(event)
    if (fresh.length > KEPT) fresh.shift()
    // Not by animation frames: a page that is not seen has none, and its log goes on.
    frame ??= setTimeout(draw, DRAW_MS)
  })
  pause.addEventListener('click', () => {
    paused = !paused
    pause.setAttribute('aria-pressed', String(paused))
    pause.textContent = paused ? 'Go on' : 'Pause'
    draw()
  })
  clear.addEventListener('click', () => {
    ;[count, size, fresh] = [0, 0, []]
    list.replaceChildren()
    draw()
  })
  const bar = h('div', { class: 'bar' }, summary, h('span', { class: 'spring' }), pause, clear)
  return {
    name: 'Log',
    element: h('div', { class: 'fill' }, bar, list),
    stop: () => {
      stop()
      clearTimeout(frame)
    },
  }
}

/** So long changes are collected before they are drawn. */
const DRAW_MS = 60

const times = ({ put, gone }: Touched) =>
  [put > 0 ? `+${integer(put)}` : '', gone > 0 ? `−${integer(gone)}` : ''].join(' ')

function chip(kind: string, text: string): HTMLElement {
  return h('span', { class: `chip ${kind}` }, text)
}

function line(event: CommitEvent): HTMLElement {
  const { documents, postings, caches, topics, outbox } = event
  const sum = (list: readonly Touched[]) =>
    list.reduce<Touched>((all, { put, gone }) => ({ put: all.put + put, gone: all.gone + gone }), { put: 0, gone: 0 })
  const some = <T>(list: readonly T[], made: (list: readonly T[]) => Node) => (list.length === 0 ? [] : [made(list)])
  const upkeep = event.tables + event.catalog
  const chips = [
    ...documents.map((one) => chip('documents', `${one.collection} ${times(one)}`)),
    ...some(event.indexes, (list) => chip('indexes', `index ${times(sum(list))}`)),
    ...some(postings, (list) => chip('postings', `postings ${times(sum(list))}`)),
    ...some(caches, (list) => chip('caches', `cache ${times(sum(list))}`)),
    ...topics.map((one) =>
      chip('topics', one.messages > 0 ? `${one.topic} +${integer(one.messages)}` : `${one.topic} settled`),
    ),
    ...(event.jobs > 0 ? [chip('jobs', `job ${integer(event.jobs)}`)] : []),
    ...(outbox.put + outbox.gone > 0 ? [chip('outbox', `outbox ${times(outbox)}`)] : []),
    ...(event.other > 0 ? [chip('other', `sync ${integer(event.other)}`)] : []),
    ...(upkeep > 0 ? [chip('upkeep', event.tables > 0 ? 'tables' : 'catalog')] : []),
  ]
  const who = event.own ? 'this tab' : 'another tab'
  const head = h(
    'summary',
    {},
    h('b', { class: 'position' }, integer(event.position)),
    h('span', { class: event.own ? 'own' : 'foreign' }, who),
    h('span', { class: 'chips' }, ...chips),
    h('span', { class: 'note' }, `${bytes(event.bytes)}${event.strict ? ', strict' : ''}`),
  )
  const item = h('details', {}, head)
  // Most lines are never opened.
  item.addEventListener('toggle', () => item.children.length === 1 && item.append(detail(event)), { once: true })
  return h('li', {}, item)
}

function detail(event: CommitEvent): HTMLElement {
  const rows: [string, string][] = []
  const ids = (all: readonly string[], count: number) =>
    `${all.join(', ')}${count > all.length ? ` and ${integer(count - all.length)} more` : ''}`
  for (const { collection, put, gone, putIds, goneIds } of event.documents) {
    if (put > 0) rows.push([`${collection} written`, ids(putIds, put)])
    if (gone > 0) rows.push([`${collection} removed`, ids(goneIds, gone)])
  }
  for (const one of event.indexes) rows.push([`index ${one.collection}.${one.index}`, times(one)])
  for (const one of event.postings) rows.push([`search index of ${one.collection}`, times(one)])
  for (const one of event.caches) rows.push([`cache ${one.cache}`, times(one)])
  for (const { cache, key, because } of event.invalidated) rows.push([`${cache}: ${key} went`, because])
  for (const { topic, messages, other } of event.topics)
    rows.push([`topic ${topic}`, `${integer(messages)} messages, ${integer(other)} other records`])
  const { put, gone } = event.outbox
  if (put > 0) rows.push(['waits for the server', `${integer(put)} more`])
  if (gone > 0) rows.push(['at the server', `${integer(gone)}, kept no longer`])
  for (const [name, count] of [
    ['records of jobs', event.jobs],
    ['other records of sync', event.other],
    ['descriptions', event.catalog],
    ['edits of tables', event.tables],
  ] as const)
    if (count > 0) rows.push([name, integer(count)])
  return h('dl', {}, ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]))
}
