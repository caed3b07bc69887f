// The playground: puts the parts together and opens the database.

import { makeCache } from './cache.js'
import { makeConsole } from './console.js'
import { makeData } from './data.js'
import { makeDocument } from './document.js'
import { byId, debounce, h, integer, say, sentence } from './dom.js'
import { makeIndexes } from './indexes.js'
import { makePlan } from './plan.js'
import { makeResults } from './results.js'
import { makeStorage } from './storage.js'
import { change, collection, onChange, openDatabase, SAMPLE, state } from './store.js'
import { makeTheme } from './theme.js'
import { registerWorker } from './worker.js'

const makePanels = () => {
  const tabs = [...document.querySelectorAll('.tabs button')]
  const show = (panel) => {
    document.body.dataset.panel = panel
    const isPhone = matchMedia('(max-width: 860px)').matches
    const selected = panel === 'query' && !isPhone ? 'document' : panel
    for (const tab of tabs) {
      tab.setAttribute('aria-selected', String(tab.dataset.panel === selected))
      tab.tabIndex = tab.dataset.panel === selected ? 0 : -1
    }
  }
  for (const tab of tabs) tab.addEventListener('click', () => change({ panel: tab.dataset.panel }))
  document.querySelector('.tabs').addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const seen = tabs.filter((tab) => tab.offsetParent !== null)
    const next = seen[(seen.indexOf(document.activeElement) + step + seen.length) % seen.length]
    next.focus()
    next.click()
  })
  matchMedia('(max-width: 860px)').addEventListener('change', () => show(state.panel))
  onChange((fields) => 'panel' in fields && show(fields.panel))
  change({ panel: 'query' })
}

/** The collections' menu and the number of documents, kept up to date by a live count. */
const makeCollections = () => {
  const menu = byId('collection')
  let stop = () => {}
  const list = debounce(80, async () => {
    const names = (await state.db.collections()).map(({ name }) => name)
    const all = [...new Set([SAMPLE, state.name, ...names])].sort()
    menu.replaceChildren(...all.map((name) => h('option', { value: name, selected: name === state.name }, name)))
  })
  const follow = () => {
    stop()
    stop = collection()
      .find({})
      .subscribeCount(({ value }) => showCount(value))
  }
  const showCount = (count) => {
    byId('count').textContent = integer(count)
    byId('empty').hidden = count > 0 || state.name !== SAMPLE
  }
  menu.addEventListener('change', () => change({ name: menu.value }))
  onChange((fields) => {
    if ('db' in fields || 'name' in fields || 'loaded' in fields) list()
    if ('db' in fields || 'name' in fields) follow()
  })
}

/** What the database tells unasked, in words. */
const listen = (db) => {
  db.on('storage-lost', ({ message }) => say(message, 'error'))
  db.on('quota', ({ message }) => say(message, 'error'))
  db.on('error', (error) => say(sentence(error), 'error'))
}

const start = async () => {
  makeTheme(byId('theme'))
  makeCollections()
  makeConsole()
  makeResults()
  makeDocument()
  makePlan()
  makeIndexes()
  makeCache()
  const { pickBackup } = makeData()
  makeStorage({ restore: pickBackup })
  makePanels()
  byId('tab').addEventListener('click', () => window.open(location.href, '_blank', 'noopener'))
  registerWorker()
  try {
    listen(await openDatabase())
  } catch (error) {
    byId('problem').textContent = sentence(error)
    byId('summary').textContent = 'The database could not be opened'
  }
}

start()
