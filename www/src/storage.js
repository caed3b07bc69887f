// The storage panel: what the database is made of, how fast it answers, and what the browser grants it.

import { latencyChart } from './chart.js'
import { byId, bytes, h, integer, say, sentence } from './dom.js'
import { DATABASE, onChange, state } from './store.js'

const REFRESH_MILLISECONDS = 1000

/** Wires the panel; it refreshes while it is open and the page is seen. */
export const makeStorage = ({ restore }) => {
  const place = byId('panel-storage')
  const parts = { grant: h('div'), chart: h('div'), engine: h('div'), problem: h('p', { class: 'problem', role: 'status' }) }
  const attempt = (work) => async () => {
    parts.problem.textContent = ''
    try {
      await work()
      await refresh()
    } catch (error) {
      parts.problem.textContent = sentence(error)
    }
  }
  const actions = h(
    'div',
    { class: 'choices start' },
    h('button', { class: 'quiet', onclick: attempt(persist) }, 'Ask to keep it'),
    h('button', { class: 'quiet', onclick: attempt(backup) }, 'Download a backup'),
    h('button', { class: 'quiet', onclick: restore }, 'Restore…'),
    h('button', { class: 'danger', onclick: attempt(dropCollection) }, 'Drop this collection'),
  )
  place.append(h('h3', {}, 'Latency'), parts.chart, h('h3', {}, 'Storage'), parts.grant, actions, parts.problem, h('h3', {}, 'Engine'), parts.engine)

  const refresh = async () => {
    if (state.panel !== 'storage' || state.db === undefined || document.hidden) return
    try {
      const [stats, storage] = await Promise.all([state.db.stats(), state.db.storage()])
      parts.chart.replaceChildren(latencyChart(stats.operations))
      parts.grant.replaceChildren(grant(storage))
      parts.engine.replaceChildren(engine(stats))
    } catch (error) {
      parts.problem.textContent = sentence(error)
    }
  }
  setInterval(refresh, REFRESH_MILLISECONDS)
  onChange((fields) => ('panel' in fields || 'db' in fields) && refresh())
}

const persist = async () => {
  const kept = await state.db.persist()
  say(kept ? 'The browser promises to keep this database' : 'The browser made no promise; it may ask again after you visit more often')
}

const dropCollection = async () => {
  if (!confirm(`Drop the collection “${state.name}” with all its documents?`)) return
  await state.db.dropCollection(state.name)
  say(`Dropped ${state.name}`)
}

/** The backup as a file: one stream, put together by the browser. */
const backup = async () => {
  const chunks = []
  for await (const chunk of state.db.export()) chunks.push(chunk)
  const link = h('a', { href: URL.createObjectURL(new Blob(chunks)), download: `${DATABASE}.tidewell.jsonl` })
  link.click()
  URL.revokeObjectURL(link.href)
  say(`A backup of ${bytes(chunks.reduce((sum, chunk) => sum + chunk.length, 0))}`)
}

const grant = ({ kind, quota, usage, persisted }) =>
  h(
    'div',
    { class: 'card' },
    h('progress', { max: quota ?? 1, value: usage ?? 0, 'aria-label': 'Space used of what the browser grants' }),
    h('span', { class: 'note' }, `${kind === 'memory' ? 'in memory only' : 'IndexedDB'} · ${bytes(usage)} used of ${bytes(quota)} · ${persisted ? 'kept' : 'the browser may evict it when space runs out'}`),
  )

/** The engine's figures as it names them: numbers in words, nested groups as sections. */
const engine = ({ engine: figures, subscriptions, transactions }) => {
  const rows = [['live queries', integer(subscriptions)], ['open transactions', integer(transactions)], ...flatten(figures, '')]
  return h(
    'table',
    { class: 'figures' },
    h('tbody', {}, ...rows.map(([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value)))),
  )
}

const flatten = (value, path) =>
  Object.entries(value).flatMap(([key, field]) => {
    const name = path === '' ? words(key) : `${path} · ${words(key)}`
    if (key === 'levels' && Array.isArray(field)) return field.map((level, depth) => [`level ${depth}`, `${integer(level.tables)} tables · ${integer(level.entries)} entries · ${bytes(level.storedBytes)}`])
    if (typeof field === 'object' && field !== null) return flatten(field, name)
    return [[name, shown(key, field)]]
  })

const words = (key) => key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/_/g, ' ').toLowerCase()

const shown = (key, value) => {
  if (typeof value !== 'number') return String(value)
  if (/bytes|budget|size/i.test(key)) return bytes(value)
  return Number.isInteger(value) ? integer(value) : value.toFixed(3)
}
