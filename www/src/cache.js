// The cache panel: three questions asked through a cache, what it has been doing, and why entries went: the commit, and the
// document or query. Everything comes from the published API.

import { byId, bytes, duration, h, integer, sentence } from './dom.js'
import { collection, findOf, onChange, state } from './store.js'

const REFRESH_MILLISECONDS = 500
const REASONS = 8

/** The questions. Each is computed once, and again when a commit has changed what it read. */
const QUESTIONS = [
  {
    key: 'count',
    title: 'How many documents are there?',
    compute: (notes) => notes.count({}),
    show: (count) => `${integer(count)} documents`,
  },
  {
    key: 'newest',
    title: 'Which five were written last?',
    compute: async (notes) => (await notes.find({}).sort({ date: -1 }).limit(5).project({ title: 1 }).toArray()).map(({ id }) => id),
    show: (ids) => ids.join(', ') || 'none',
  },
  {
    key: 'query',
    title: 'What does the query of the console find?',
    compute: async (notes) => (await rowsFrom(notes)).length,
    show: (count) => `${integer(count)} shown`,
  },
]

const rowsFrom = (notes) => (state.query.kind === 'pipeline' ? notes.aggregate(state.query.pipeline) : findOf(state.query, notes).toArray())

/** Wires the panel. Figures are read while it is open; reasons are noted always. */
export const makeCache = () => {
  const place = byId('panel-cache')
  const figures = h('tbody', {})
  const reasons = h('ol', { class: 'reasons', 'aria-label': 'Entries that went, the last first', tabindex: '0' })
  const problem = h('p', { class: 'problem', role: 'status' })
  const cards = QUESTIONS.map((question) => card(question))
  const clear = h('button', { class: 'quiet' }, 'Forget all')
  place.append(
    h('p', { class: 'note' }, 'Ask: the answer is kept, in memory and on disk, for every tab. A commit that changes what it read removes it.'),
    h('ul', { class: 'cards' }, ...cards.map(({ item }) => item)),
    problem,
    h('div', { class: 'bar' }, h('h3', {}, 'Why entries went'), h('span', { class: 'spring' }), clear),
    reasons,
    h('h3', {}, 'Figures of this tab'),
    h('table', { class: 'figures' }, figures),
  )
  let stop = () => {}
  const attempt = (work) => async () => {
    problem.textContent = ''
    try {
      await work()
      await refresh()
    } catch (error) {
      problem.textContent = sentence(error)
    }
  }
  const refresh = async () => {
    if (state.panel !== 'cache' || state.db === undefined || document.hidden) return
    figures.replaceChildren(...rowsOf(await cache().stats()).map(row))
  }
  const listen = async () => {
    stop()
    const name = state.name
    const ended = await cache().subscribe((gone) => {
      reasons.prepend(reason(gone))
      while (reasons.children.length > REASONS) reasons.lastChild.remove()
      cards.find(({ question }) => keyOf(question) === gone.key)?.went(gone)
      refresh().catch(() => {})
    })
    if (name === state.name) stop = ended
    else ended()
  }
  for (const { question, button, answered } of cards) {
    button.addEventListener(
      'click',
      attempt(async () => answered(await ask(question))),
    )
  }
  clear.addEventListener(
    'click',
    attempt(() => cache().clear()),
  )
  const allow = (isOpen) => {
    for (const button of [clear, ...cards.map(({ button }) => button)]) button.disabled = !isOpen
  }
  allow(false)
  setInterval(() => refresh().catch(() => {}), REFRESH_MILLISECONDS)
  onChange((fields) => {
    if ('db' in fields) allow(state.db !== undefined)
    if ('db' in fields || 'name' in fields) attempt(listen)()
    if ('panel' in fields || 'db' in fields) attempt(refresh)()
  })
}

/** One cache for each collection. */
const cache = () => state.db.cache(`console ${state.name}`, { maxBytes: 1 << 20 })

const keyOf = ({ key }) => (key === 'query' ? `query ${JSON.stringify(state.query)}`.slice(0, 160) : key)

/** Asks through the cache; answers the value, where it came from and how long that took. */
const ask = async (question) => {
  const of = cache()
  const before = await of.stats()
  const begun = performance.now()
  const value = await of.compute(keyOf(question), ({ collection: watched }) => question.compute(watched(collection())))
  const took = performance.now() - begun
  const after = await of.stats()
  const source = after.hits.memory > before.hits.memory ? 'from memory' : after.hits.disk > before.hits.disk ? 'from disk' : 'computed'
  return { value, source, took }
}

const card = (question) => {
  const answer = h('output', { class: 'answer' }, 'Not asked yet.')
  const status = h('span', { class: 'note' }, '\u00a0')
  const button = h('button', { class: 'quiet', 'aria-label': `Ask: ${question.title}` }, 'Ask')
  const item = h(
    'li',
    { class: 'card kept', dataset: { question: question.key, state: 'none' } },
    h('div', { class: 'bar' }, h('b', {}, question.title), h('span', { class: 'spring' }), button),
    answer,
    status,
  )
  const answered = ({ value, source, took }) => {
    answer.textContent = question.show(value)
    status.textContent = `${source} in ${duration(took)}`
    item.dataset.state = 'kept'
  }
  const went = (gone) => {
    status.textContent = `gone with commit ${integer(gone.position)}: ${because(gone)}`
    item.dataset.state = 'gone'
  }
  return { question, item, button, answered, went }
}

/** Why an entry went, in words. */
const because = ({ cause }) => {
  switch (cause.kind) {
    case 'document':
      return `the document ${cause.id} of ${cause.collection} changed`
    case 'query':
      return `${cause.ids.join(', ')} changed, and a query of ${cause.collection} read it`
    case 'entry':
      return `it was computed from “${cause.key}”, which went`
    case 'stored':
      return 'it was stored anew'
    default:
      return 'it was deleted or evicted'
  }
}

const reason = (gone) =>
  h('li', {}, h('b', {}, integer(gone.position)), ' ', h('code', {}, gone.key), h('span', { class: 'note' }, because(gone)))

const rowsOf = ({ hits, misses, loads, failures, evictions, expirations, invalidations, memory, disk }) => [
  ['hits in memory', integer(hits.memory)],
  ['hits on disk', integer(hits.disk)],
  ['misses', integer(misses)],
  ['computed', `${integer(loads)}, ${integer(failures)} failed`],
  ['evicted from memory, disk', `${integer(evictions.memory)}, ${integer(evictions.disk)}`],
  ['expired', integer(expirations)],
  ['removed by commits', integer(invalidations)],
  ['in memory', `${integer(memory.entries)} · ${bytes(memory.bytes)}`],
  ['on disk', `${integer(disk.entries)} · ${bytes(disk.bytes)}`],
]

const row = ([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value))
