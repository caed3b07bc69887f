// The results: a table that follows the query live, row by row from its diffs.

import { byId, duration, h, integer, sentence } from './dom.js'
import { cell } from './format.js'
import { change, collection, findOf, onChange, state } from './store.js'

const MAX_COLUMNS = 8
const WIDTHS = { id: 130, title: 420, date: 110, words: 80, papers: 90, _id: 160 }

/** Shows the results of whatever query is chosen. */
export const makeResults = () => {
  const view = makeTable(byId('table'))
  let stop = () => {}
  let turn = 0

  const run = () => {
    stop()
    turn += 1
    if (state.db === undefined || state.query === undefined) return
    const mine = turn
    const abort = new AbortController()
    stop = () => abort.abort()
    const begun = performance.now()
    const context = { mine, isCurrent: () => mine === turn, signal: abort.signal, begun, first: true }
    if (state.query.kind === 'pipeline') followPipeline(context, view)
    else followFind(context, view)
  }
  onChange((fields) => ('query' in fields || 'name' in fields || 'db' in fields) && run())
  onChange((fields) => 'chosen' in fields && view.mark(state.chosen?.id))
}

const fail = (context, error) => {
  if (!context.isCurrent() || error?.code === 'aborted') return
  byId('problem').textContent = sentence(error)
  setLive('lost')
}

const setLive = (value) => {
  byId('live').dataset.state = value
}

/** Time from the query to its first result; later deliveries are counted as changes. */
const told = (context) => {
  if (context.first) {
    context.first = false
    context.took = performance.now() - context.begun
  } else {
    context.changes = (context.changes ?? 0) + 1
  }
  setLive('on')
  const changes = context.changes === undefined ? '' : ` · ${integer(context.changes)} live ${context.changes === 1 ? 'change' : 'changes'}`
  return `${duration(context.took)}${changes}`
}

const followFind = (context, view) => {
  const { query } = state
  let shown = 0
  const summarise = (matches) => {
    const all = matches === undefined ? '' : `<b>${integer(matches)}</b> match · `
    byId('summary').innerHTML = `${all}${integer(shown)} shown · ${context.text}`
  }
  let matches
  const count = ({ value }) => {
    matches = value
    if (context.isCurrent() && !context.first) summarise(matches)
  }
  const deliver = ({ docs, diff, position }) => {
    if (!context.isCurrent()) return
    shown = docs.length
    context.text = told(context)
    view.show(docs, diff, query.fields === undefined)
    summarise(matches)
    byId('position').textContent = integer(position)
  }
  try {
    const options = { signal: context.signal, onError: (error) => fail(context, error) }
    findOf(query).subscribe(deliver, options)
    collection().find(query.filter).subscribeCount(count, options)
  } catch (error) {
    fail(context, error)
  }
}

const followPipeline = (context, view) => {
  const deliver = ({ value, position }) => {
    if (!context.isCurrent()) return
    const text = told(context)
    view.show(value.slice(0, 1000), null, false)
    byId('summary').innerHTML = `<b>${integer(value.length)}</b> ${value.length === 1 ? 'row' : 'rows'} · ${text}`
    byId('position').textContent = integer(position)
  }
  try {
    const options = { signal: context.signal, onError: (error) => fail(context, error) }
    collection().subscribeAggregate(state.query.pipeline, deliver, options)
  } catch (error) {
    fail(context, error)
  }
}

/** The table. `show` replaces all rows, or after a diff only those that changed. */
const makeTable = (place) => {
  let columns = []
  let rows = []
  const body = h('tbody')
  const head = h('thead')
  const table = h('table', { role: 'grid', 'aria-label': 'Documents' }, head, body)
  place.replaceChildren(table)

  const choose = (row) => {
    if (row?.doc?.id !== undefined && row.editable) change({ chosen: row.doc, panel: 'document' })
  }
  const makeRow = (doc, editable, fresh) => {
    const cells = columns.map((column) => h('td', { class: cellClass(column, doc?.[column]), title: tooltip(doc?.[column]) }, cell(doc?.[column])))
    const element = h('tr', { tabindex: editable ? -1 : undefined, class: fresh ? 'fresh' : undefined }, ...cells)
    const row = { doc, element, editable }
    element.addEventListener('click', () => choose(row))
    element.row = row
    if (editable && doc?.id === state.chosen?.id) element.setAttribute('aria-selected', 'true')
    return row
  }
  const redraw = (docs, editable) => {
    rows = docs.map((doc) => makeRow(doc, editable, false))
    body.replaceChildren(...rows.map(({ element }) => element))
  }
  const patch = (docs, diff, editable) => {
    const freshIds = new Set([...diff.added, ...diff.changed].map(({ doc }) => doc.id))
    const old = new Map(rows.map((row) => [row.doc, row]))
    rows = docs.map((doc) => old.get(doc) ?? makeRow(doc, editable, freshIds.has(doc.id)))
    reconcile(body, rows.map(({ element }) => element))
  }
  const show = (docs, diff, editable) => {
    const wanted = columnsOf(docs)
    if (wanted.join('\n') !== columns.join('\n') && docs.length > 0) {
      columns = wanted
      head.replaceChildren(h('tr', {}, ...columns.map((column) => h('th', { scope: 'col', style: { width: `${WIDTHS[column] ?? 180}px` } }, column))))
      diff = null
    }
    if (diff === null || diff === undefined) redraw(docs, editable)
    else patch(docs, diff, editable)
    if (rows.length > 0 && editable && !body.querySelector('tr[tabindex="0"]')) rows[0].element.tabIndex = 0
  }
  const mark = (id) => {
    for (const { doc, element } of rows) {
      if (doc?.id === id && id !== undefined) element.setAttribute('aria-selected', 'true')
      else element.removeAttribute('aria-selected')
    }
  }
  walkWithKeys(body, choose)
  return { show, mark }
}

/** Puts children into the wanted order and touches only those that are elsewhere. */
const reconcile = (parent, wanted) => {
  const keep = new Set(wanted)
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove()
  let next = parent.firstChild
  for (const element of wanted) {
    if (element === next) next = next.nextSibling
    else parent.insertBefore(element, next)
  }
}

/** Arrow keys move between rows, Enter opens one: only one row is in the tab order. */
const walkWithKeys = (body, choose) => {
  body.addEventListener('keydown', (event) => {
    const row = event.target.closest('tr')
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild }[event.key]
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      choose(row?.row)
    } else if (next) {
      event.preventDefault()
      row.tabIndex = -1
      next.tabIndex = 0
      next.focus()
    }
  })
}

/** Fields of the first documents, `id` first, the most frequent ones. */
const columnsOf = (docs) => {
  const seen = new Map()
  for (const doc of docs.slice(0, 50)) {
    if (typeof doc !== 'object' || doc === null) continue
    for (const key of Object.keys(doc)) seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  const keys = [...seen.keys()].filter((key) => key !== 'id').slice(0, MAX_COLUMNS)
  return seen.has('id') ? ['id', ...keys] : keys
}

const cellClass = (column, value) => (column === 'id' ? 'id' : typeof value === 'number' ? 'number' : undefined)
const tooltip = (value) => {
  const text = cell(value)
  return text.length > 24 ? text.slice(0, 600) : undefined
}
