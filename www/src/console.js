// The query console: what is typed, checked and turned into a query. Results are shown elsewhere.

import { byId, debounce, h } from './dom.js'
import { makeEditor } from './editor.js'
import { EXAMPLES } from './examples.js'
import { parse } from './literal.js'
import { change, onChange } from './store.js'

const HISTORY_KEY = 'tidewell-playground-history'
const HISTORY_LENGTH = 30
const MAX_LIMIT = 1000

/** Fills the console and runs a first query once there is a database. */
export const makeConsole = () => {
  const inputs = { sort: byId('sort'), fields: byId('fields'), skip: byId('skip'), limit: byId('limit') }
  const kinds = [...document.querySelectorAll('input[name=kind]')]
  const history = makeHistory()
  const texts = { find: '{\n  date: { $gte: "2015" },\n  categories: "cs.LG"\n}', pipeline: EXAMPLES.find(({ kind }) => kind === 'pipeline').text }

  const kind = () => kinds.find((radio) => radio.checked).value
  const written = () => ({ kind: kind(), text: editor.text, ...Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value])) })
  const run = (remember) => {
    const typed = written()
    const query = check(typed)
    if (query === undefined) return
    if (remember) history.add(typed)
    change({ query })
  }
  const later = debounce(350, () => run(false))
  const editor = makeEditor(byId('filter'), { onInput: later, onSubmit: () => run(true) })

  const setKind = (value) => {
    texts[document.body.dataset.kind ?? 'find'] = editor.text || texts[document.body.dataset.kind ?? 'find']
    for (const radio of kinds) radio.checked = radio.value === value
    document.body.dataset.kind = value
    for (const input of Object.values(inputs)) input.disabled = value === 'pipeline'
    editor.text = texts[value]
  }
  const write = (typed) => {
    setKind(typed.kind)
    editor.text = typed.text
    for (const [name, input] of Object.entries(inputs)) input.value = typed[name] ?? ''
    run(false)
  }

  for (const radio of kinds) radio.addEventListener('change', () => (setKind(radio.value), run(false)))
  for (const input of Object.values(inputs)) {
    input.addEventListener('input', later)
    input.addEventListener('keydown', (event) => event.key === 'Enter' && run(true))
  }
  byId('run').addEventListener('click', () => run(true))
  fillMenu(byId('examples'), EXAMPLES.map((example) => [example.name, example]), write)
  history.onChoose(write)
  editor.text = texts.find
  document.body.dataset.kind = 'find'
  inputs.sort.value = '{ date: -1 }'
  onChange((fields) => ('db' in fields || 'name' in fields) && run(false))
}

/** The query that was typed, or nothing after saying what is wrong with it. */
const check = ({ kind, text, sort, fields, skip, limit }) => {
  const problem = byId('problem')
  try {
    const query =
      kind === 'pipeline'
        ? { kind, pipeline: named('pipeline', () => parse(text, [])) }
        : {
            kind,
            filter: named('filter', () => parse(text, {})),
            sort: sort.trim() === '' ? undefined : named('sort', () => parse(sort)),
            fields: fields.trim() === '' ? undefined : named('fields', () => parse(fields)),
            skip: amount('skip', skip, 0),
            limit: Math.min(amount('limit', limit, 100), MAX_LIMIT),
          }
    if (kind === 'pipeline' && !Array.isArray(query.pipeline)) throw new Error('pipeline: write an array of stages: [{ $match: … }, …]')
    problem.textContent = ''
    return query
  } catch (error) {
    problem.textContent = error.message
    return undefined
  }
}

const named = (name, read) => {
  try {
    return read()
  } catch (error) {
    throw new Error(`${name}: ${error.message}`)
  }
}

const amount = (name, text, otherwise) => {
  if (text.trim() === '') return otherwise
  if (!/^\s*\d+\s*$/.test(text)) throw new Error(`${name}: write a whole number`)
  return Number(text)
}

const fillMenu = (menu, entries, choose) => {
  const title = menu.options[0]
  menu.replaceChildren(title, ...entries.map(([name], index) => h('option', { value: index }, name)))
  menu.onchange = () => {
    const entry = entries[Number(menu.value)]
    menu.value = ''
    if (entry !== undefined) choose(entry[1])
  }
}

/** Queries that were run by hand, newest first, kept across visits. */
const makeHistory = () => {
  let choose = () => {}
  const read = () => {
    try {
      const list = JSON.parse(localStorage.getItem(HISTORY_KEY) ?? '[]')
      return Array.isArray(list) ? list.filter((entry) => typeof entry?.text === 'string') : []
    } catch {
      return []
    }
  }
  const show = () => {
    const name = ({ text, sort }) => `${text} ${sort ?? ''}`.replace(/\s+/g, ' ').slice(0, 60)
    fillMenu(byId('history'), read().map((typed) => [name(typed), typed]), choose)
  }
  const add = (typed) => {
    const same = JSON.stringify(typed)
    const list = [typed, ...read().filter((entry) => JSON.stringify(entry) !== same)].slice(0, HISTORY_LENGTH)
    try {
      localStorage.setItem(HISTORY_KEY, JSON.stringify(list))
    } catch {
      // Without storage the history lasts as long as the page.
    }
    show()
  }
  show()
  const onChoose = (listener) => {
    choose = listener
    show()
  }
  return { add, onChoose }
}
