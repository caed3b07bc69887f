// The list of notes of a device: live, by time or by what is searched; and its tags, counted live.

import { debounce, h, integer, sentence } from '../dom.js'

const SHOWN = 40
const TAGS = 6

/** Fills list and tags; {@link follow} starts over on a database that was opened anew. */
export const makeList = (device, parts, editor) => {
  let tag
  let stop = () => {}
  let stopTags = () => {}

  const show = (rows) => {
    const focused = parts.list.contains(document.activeElement) ? document.activeElement.dataset.id : undefined
    parts.list.replaceChildren(...(rows.length === 0 ? [h('li', { class: 'nothing' }, 'Nothing found.')] : rows.map(row)))
    if (focused !== undefined) parts.list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus()
  }
  const row = ({ doc, title }) => {
    const choose = () => {
      editor.show(doc)
      mark()
    }
    const labels = h('span', { class: 'labels' }, ...(doc.tags ?? []).map((one) => h('i', {}, one)))
    const button = h('button', { type: 'button', dataset: { id: doc.id }, onclick: choose }, h('b', {}, ...title), labels, h('span', { class: 'start' }, doc.body))
    button.setAttribute('aria-current', String(editor.id === doc.id))
    return h('li', {}, button)
  }
  const mark = () => {
    for (const button of parts.list.querySelectorAll('button')) button.setAttribute('aria-current', String(button.dataset.id === editor.id))
  }
  editor.onChoose = mark

  const ask = () => {
    stop()
    const abort = new AbortController()
    stop = () => abort.abort()
    const options = { signal: abort.signal, onError: (error) => error.code !== 'closed' && error.code !== 'internal' && show([]) }
    const filter = tag === undefined ? {} : { tags: tag }
    const words = parts.words.value.trim()
    try {
      if (words === '') {
        const found = device.notes.find(filter).sort({ changed: -1 }).limit(SHOWN)
        found.subscribe(({ docs }) => {
          editor.follow(docs)
          for (const doc of docs) device.seen.set(doc.id, doc)
          show(docs.map((doc) => ({ doc, title: [doc.title || 'Untitled'] })))
        }, options)
      } else {
        const asked = { fuzzy: 'auto', prefix: 'last', filter, highlight: true, limit: SHOWN }
        device.notes.subscribeSearch(words, asked, ({ value }) => show(value.hits.map(hit)), options)
      }
    } catch (error) {
      parts.saved.textContent = sentence(error)
    }
  }

  const tags = () => {
    stopTags()
    const abort = new AbortController()
    stopTags = () => abort.abort()
    const pipeline = [{ $unwind: '$tags' }, { $group: { _id: '$tags', count: { $sum: 1 } } }, { $sort: { count: -1, _id: 1 } }, { $limit: TAGS }]
    device.notes.subscribeAggregate(
      pipeline,
      ({ value }) => {
        if (tag !== undefined && !value.some(({ _id }) => _id === tag)) choose(undefined)
        parts.tags.replaceChildren(...value.map(({ _id, count }) => chip(_id, count)))
      },
      { signal: abort.signal, onError: () => {} },
    )
  }
  const chip = (name, count) =>
    h('button', { type: 'button', class: 'chip', 'aria-pressed': String(tag === name), onclick: () => choose(tag === name ? undefined : name) }, name, ' ', h('b', {}, integer(count)))
  const choose = (name) => {
    tag = name
    for (const one of parts.tags.children) one.setAttribute('aria-pressed', String(one.firstChild.textContent === name))
    ask()
  }

  parts.words.addEventListener('input', debounce(60, ask))
  parts.new.addEventListener('click', () => {
    if (parts.words.value !== '') {
      parts.words.value = ''
      ask()
    }
    editor.create(tag)
  })
  return {
    follow: () => {
      tags()
      ask()
    },
  }
}

/** A note that was found, its title cut at what matched. */
const hit = ({ doc, highlights }) => {
  const title = []
  let at = 0
  for (const [start, end] of highlights?.title?.[0] ?? []) {
    title.push(doc.title.slice(at, start), h('mark', {}, doc.title.slice(start, end)))
    at = end
  }
  return { doc, title: [...title, doc.title.slice(at) || (at === 0 ? 'Untitled' : '')] }
}
