// The indexes panel: what there is, how far a new one has been built, create and drop.

import { byId, h, integer, say, sentence } from './dom.js'
import { collection, onChange, state } from './store.js'

/** Wires the panel. */
export const makeIndexes = () => {
  const list = byId('index-list')
  const problem = byId('index-problem')
  const refresh = async () => {
    if (state.panel !== 'indexes' || state.db === undefined) return
    try {
      const indexes = await collection().indexes()
      list.replaceChildren(...indexes.map((index) => card(index, drop)))
      if (indexes.length === 0) list.append(h('li', { class: 'card' }, h('span', { class: 'note' }, 'No index yet: every query but one by id reads all documents.')))
    } catch (error) {
      problem.textContent = sentence(error)
    }
  }
  const drop = async (name) => {
    try {
      await collection().dropIndex({ name })
      say(`Dropped the index ${name}`)
    } catch (error) {
      problem.textContent = sentence(error)
    }
    await refresh()
  }

  byId('index-form').addEventListener('submit', async (event) => {
    event.preventDefault()
    problem.textContent = ''
    try {
      const building = collection().createIndex({ fields: fieldsOf(byId('index-fields').value), unique: byId('index-unique').checked })
      byId('index-fields').value = ''
      await refresh()
      const index = await building
      say(`The index ${index?.name ?? ''} is ready`)
    } catch (error) {
      problem.textContent = sentence(error)
    }
    await refresh()
  })
  onChange((fields) => {
    if ('db' in fields) {
      state.db.on('progress', (progress) => {
        if (progress.kind === 'index' && progress.collection === state.name) showProgress(list, progress, refresh)
      })
    }
    if ('panel' in fields || 'name' in fields || 'db' in fields || 'loaded' in fields) refresh()
  })
}

/** `date, words:-1` as the fields of an index definition. */
const fieldsOf = (text) => {
  const fields = text.split(',').map((field) => field.trim()).filter(Boolean)
  return fields.map((field) => {
    const descending = /^(.*?)\s*:\s*(-?1)$/.exec(field)
    return descending === null ? field : [descending[1], Number(descending[2])]
  })
}

const card = (index, drop) => {
  const fields = index.fields.map(([path, direction]) => (direction === -1 ? `${path} ↓` : path)).join(', ')
  return h(
    'li',
    { class: 'card', dataset: { index: index.name } },
    h(
      'div',
      { class: 'bar' },
      h('code', {}, fields),
      h('span', { class: 'spring' }),
      index.unique ? h('span', { class: 'tag' }, 'unique') : null,
      index.multiEntry ? h('span', { class: 'tag', title: 'Some documents have a list here: each element is indexed' }, 'multi-entry') : null,
      h('button', { class: 'danger', 'aria-label': `Drop the index ${index.name}`, onclick: () => drop(index.name) }, 'Drop'),
    ),
    h('progress', { max: Math.max(index.total, 1), value: index.state === 'ready' ? Math.max(index.total, 1) : index.done, 'aria-label': `Index ${index.name}` }),
    h('span', { class: 'note' }, index.state === 'ready' ? 'ready' : `building: ${integer(index.done)} of ${integer(index.total)}`),
  )
}

const showProgress = (list, { name, state: now, done, total, message }, refresh) => {
  const place = list.querySelector(`[data-index="${CSS.escape(name)}"]`)
  if (place === null || now !== 'building') {
    refresh()
    if (now === 'failed') byId('index-problem').textContent = message ?? `The index ${name} could not be built`
    return
  }
  const bar = place.querySelector('progress')
  bar.max = Math.max(total, 1)
  bar.value = done
  place.querySelector('.note').textContent = `building: ${integer(done)} of ${integer(total)}`
}
