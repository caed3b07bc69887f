// Solid, without a compiler: text nodes that effects keep up to date.
import { createRenderEffect, createSignal } from 'solid-js'
import { render } from 'solid-js/web'
import { createLiveQuery, createSearch, createSyncStatus } from 'tidewell/solid'
import { db, found, notes, refused, shown, standing, tagged, unwritten } from './database.js'

const [tag, setTag] = createSignal('sea')
const [text, setText] = createSignal('tide')
const [sync, setSync] = createSignal()

function line(id, write) {
  const element = document.createElement('p')
  element.id = id
  createRenderEffect(() => (element.textContent = write()))
  return element
}

function Docs({ id }) {
  const docs = createLiveQuery(() => tagged(tag()))
  return line(id, () => shown(docs()))
}

function App() {
  const search = createSearch(() => notes, text, () => ({ limit: 5 }))
  const wrong = createLiveQuery(refused)
  const unasked = createLiveQuery(unwritten)
  const status = createSyncStatus(sync)
  const nothing = createLiveQuery(() => undefined)
  return [
    Docs({ id: 'docs' }),
    Docs({ id: 'same' }),
    line('found', () => found(search())),
    line('refused', () => wrong().status),
    line('unwritten', () => unasked().status),
    line('sync', () => standing(status())),
    line('nothing', () => nothing().status),
  ]
}

const unmount = render(App, document.getElementById('root'))
window.app = { db, notes, setTag, setText, setSync, unmount }
window.ready = true
