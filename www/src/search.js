// The search page: as you type, with typos forgiven, facets, highlights, and results that follow every commit.

import { asDocument, batches } from './data.js'
import { byId, debounce, duration, h, integer, say, sentence } from './dom.js'
import { DATABASE, INDEXES, SAMPLE, SEARCH } from './store.js'
import { makeTheme } from './theme.js'
import { open } from './tidewell.js'
import { registerWorker } from './worker.js'

const PAGE = 20
const FACETS = { categories: 10, authors: 8 }
const TRY = ['quantm gravity', 'neural networks', '"black hole"', 'dark matter survey']

/** What is asked: words, chosen facet values, and how many hits. */
const asked = { chosen: [], limit: PAGE }
let papers
let stop = () => {}

const start = async () => {
  makeTheme(byId('theme'))
  registerWorker()
  try {
    const db = await open(DATABASE)
    db.on('error', (error) => say(sentence(error), 'error'))
    db.on('progress', showProgress)
    papers = db.collection(SAMPLE, { indexes: INDEXES[SAMPLE], search: SEARCH[SAMPLE] })
    papers.find({}).subscribeCount(({ value }) => {
      byId('count').textContent = integer(value)
      byId('empty').hidden = value > 0
    })
  } catch (error) {
    byId('problem').textContent = sentence(error)
    return
  }
  byId('form').addEventListener('submit', (event) => event.preventDefault())
  for (const id of ['words', 'fuzzy', 'all']) byId(id).addEventListener('input', () => ask({ limit: PAGE }))
  byId('more').addEventListener('click', () => ask({ limit: asked.limit + PAGE }))
  byId('sample').addEventListener('click', loadSample)
  byId('words').value = new URLSearchParams(location.search).get('q') ?? ''
  ask({})
}

/** Asks anew; the search before is no longer followed. */
const ask = (fields) => {
  Object.assign(asked, fields)
  stop()
  showChips()
  byId('problem').textContent = ''
  const words = byId('words').value.trim()
  history.replaceState(null, '', words === '' ? location.pathname : `?q=${encodeURIComponent(words)}`)
  if (words === '') return showNothing()
  const abort = new AbortController()
  stop = () => abort.abort()
  const begun = performance.now()
  let took
  let changes = 0
  const deliver = ({ value }) => {
    if (took === undefined) took = performance.now() - begun
    else changes += 1
    show(value, took, changes)
  }
  const onError = (error) => {
    if (error.code === 'aborted') return
    byId('problem').textContent = sentence(error)
    byId('live').dataset.state = 'lost'
  }
  try {
    papers.subscribeSearch(words, options(), deliver, { signal: abort.signal, onError })
  } catch (error) {
    onError(error)
  }
  help(words)
}

const options = () => ({
  match: byId('all').checked ? 'all' : 'any',
  fuzzy: byId('fuzzy').checked ? 'auto' : 0,
  prefix: 'last',
  filter: asked.chosen.length === 0 ? undefined : { $and: asked.chosen.map(([path, value]) => ({ [path]: value })) },
  facets: FACETS,
  highlight: true,
  limit: asked.limit,
})

const showNothing = () => {
  byId('live').dataset.state = 'idle'
  byId('summary').textContent = ''
  byId('hits').replaceChildren()
  byId('facets').replaceChildren()
  byId('more').hidden = true
  const examples = TRY.map((text) => h('button', { class: 'chip', type: 'button', onclick: () => write(text) }, text))
  byId('hint').replaceChildren('Try ', ...examples)
}

const write = (text) => {
  byId('words').value = text
  byId('words').focus()
  ask({ limit: PAGE, chosen: [] })
}

/** What the words may have meant, and how they may go on. */
const help = debounce(120, async (words) => {
  try {
    const { didYouMean, completions } = await papers.suggest(words, { limit: 5 })
    if (byId('words').value.trim() !== words) return
    const before = words.replace(/\S+$/, '')
    const meant = didYouMean === null ? [] : ['Did you mean ', h('button', { class: 'chip', type: 'button', onclick: () => write(didYouMean) }, didYouMean), ' ']
    const on = completions.map(({ term }) => h('button', { class: 'chip', type: 'button', onclick: () => write(before + term) }, term))
    byId('hint').replaceChildren(...meant, ...on)
  } catch {
    byId('hint').replaceChildren()
  }
})

const show = ({ hits, total, facets }, took, changes) => {
  byId('live').dataset.state = 'on'
  const live = changes === 0 ? '' : ` · ${integer(changes)} live ${changes === 1 ? 'change' : 'changes'}`
  byId('summary').textContent = `${integer(total ?? hits.length)} of ${byId('count').textContent} papers · ${duration(took)}${live}`
  byId('hits').replaceChildren(...hits.map(hit))
  byId('more').hidden = hits.length < asked.limit
  byId('facets').replaceChildren(...Object.entries(facets ?? {}).map(facet))
}

/** One paper that was found. */
const hit = ({ id, score, doc, highlights }) => {
  const marked = (text, ranges) => h('span', {}, ...pieces(String(text), ranges))
  const authors = (doc.authors ?? []).flatMap((name, at) => [at === 0 ? '' : ', ', marked(name, highlights?.authors?.[at])])
  const title = h('h3', {}, marked(doc.title, highlights?.title?.[0]))
  const edit = h('button', { class: 'quiet icon', 'aria-label': `Change the title of ${doc.title}`, title: 'Change the title: every tab sees it at once', onclick: () => rename(id, doc, title) }, '✎')
  const facts = [doc.date, ...(doc.categories ?? [])].join(' · ')
  return h('li', { class: 'hit' }, h('div', { class: 'bar' }, title, h('span', { class: 'spring' }), edit), h('p', {}, ...authors), h('p', { class: 'note' }, facts, h('span', { title: 'Score' }, ` · ${score.toFixed(2)}`)))
}

/** The text cut at the ranges; those are marked. */
const pieces = (text, ranges = []) => {
  const out = []
  let at = 0
  for (const [start, end] of ranges) {
    out.push(text.slice(at, start), h('mark', {}, text.slice(start, end)))
    at = end
  }
  return [...out, text.slice(at)]
}

/** Puts a field in the title's place; Enter saves, Escape lets it be. */
const rename = (id, doc, title) => {
  const input = h('input', { value: doc.title, 'aria-label': 'Title' })
  const back = () => input.replaceWith(title)
  input.addEventListener('blur', back)
  input.addEventListener('keydown', async (event) => {
    if (event.key === 'Escape') back()
    if (event.key !== 'Enter') return
    try {
      await papers.update(id, { $set: { title: input.value } })
      say('Saved: document, search index and facets in one commit')
    } catch (error) {
      say(sentence(error), 'error')
    }
  })
  title.replaceWith(input)
  input.select()
}

const facet = ([path, values]) =>
  h(
    'section',
    {},
    h('h3', {}, path),
    h(
      'ul',
      {},
      ...values.map(({ value, count }) =>
        h('li', {}, h('button', { class: 'value', type: 'button', 'aria-pressed': String(isChosen(path, value)), onclick: () => toggle(path, value) }, h('span', {}, String(value)), h('b', {}, integer(count)))),
      ),
    ),
  )

const isChosen = (path, value) => asked.chosen.some(([one, other]) => one === path && other === value)

const toggle = (path, value) => {
  const chosen = isChosen(path, value) ? asked.chosen.filter(([one, other]) => one !== path || other !== value) : [...asked.chosen, [path, value]]
  ask({ chosen, limit: PAGE })
}

const showChips = () => {
  byId('chips').replaceChildren(
    ...asked.chosen.map(([path, value]) => h('button', { class: 'chip on', type: 'button', 'aria-label': `No longer only ${path} ${value}`, onclick: () => toggle(path, value) }, `${value} ×`)),
  )
}

const showProgress = ({ kind, name, collection, state, done, total }) => {
  if (kind !== 'index' || name !== '$search' || collection !== SAMPLE) return
  const line = byId('progress')
  line.hidden = state !== 'building'
  line.textContent = `Indexing for search: ${integer(done)} of ${integer(total)}`
}

const loadSample = async () => {
  byId('sample').disabled = true
  const begun = performance.now()
  let written = 0
  try {
    const response = await fetch('data/papers.jsonl.gz')
    for await (const batch of batches(response.body.pipeThrough(new DecompressionStream('gzip')))) {
      await papers.putMany(batch.map(asDocument))
      written += batch.length
      byId('progress').hidden = false
      byId('progress').textContent = `${integer(written)} papers stored and indexed`
    }
    say(`${integer(written)} papers stored and indexed for search in ${duration(performance.now() - begun)}`)
    ask({})
  } catch (error) {
    say(sentence(error), 'error')
  }
  byId('progress').hidden = true
  byId('sample').disabled = false
}

start()
