// One device: its database, its notes on the screen, and how it stands with the server.

import { byId, say, sentence } from '../dom.js'
import { open } from '../tidewell.js'
import { makeEditor } from './editor.js'
import { makeList } from './list.js'
import { firstNotes } from './first.js'
import { makeSync } from './sync.js'

const OPTIONS = {
  indexes: ['tags', 'changed'],
  search: { title: { weight: 3, analyzer: 'english' }, body: { weight: 1, analyzer: 'english' }, tags: 2 },
}

/** Puts a device into `place`. Nothing is opened yet. */
export const makeDevice = ({ id, name, place, network, server }) => {
  place.append(byId('device').content.cloneNode(true))
  const parts = Object.fromEntries([...place.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part]))
  parts.name.textContent = name
  parts.words.setAttribute('aria-label', `Search the notes of the ${name.toLowerCase()}`)
  parts.outbox.setAttribute('aria-label', `What the ${name.toLowerCase()} has not sent`)
  parts.dead.setAttribute('aria-label', `What was refused, and waits for a decision on the ${name.toLowerCase()}`)
  const device = { id, name, db: undefined, notes: undefined, seen: new Map(), switches: [] }
  const reopened = []
  const editor = makeEditor(device, parts)
  const list = makeList(device, parts, editor)
  const sync = makeSync(device, parts, network, server)

  device.open = async () => {
    const db = await open(`notes ${id}`, { faults: {} })
    Object.assign(device, { db, notes: db.collection('notes', OPTIONS) })
    db.on('error', async (error) => {
      if (error.code === 'internal') return revive()
      say(`${name}: ${sentence(error)}`, 'error')
    })
    db.on('quota', () => say(`${name}: the disk is full. Reading goes on; make room, and write again`, 'error'))
    const synced = sync.begin()
    const ofNetwork = { label: `Network of the ${name.toLowerCase()}`, isOn: () => network.isOn, set: (on) => sync.setNetwork(on) }
    device.switches = synced === undefined ? [] : [ofNetwork]
    list.follow()
    if (synced === undefined) await firstNotes(device.notes)
    // What another visit left on the server comes first; and one device is enough to write them.
    else if (id === 'laptop') synced.now().then(() => firstNotes(device.notes)).catch(() => {})
  }
  /** The instance was killed: a new one opens the same database, and goes on. */
  const revive = async () => {
    parts.state.dataset.state = 'offline'
    parts['state-text'].textContent = 'killed: opening again'
    await new Promise((resolve) => setTimeout(resolve, 800))
    await device.open()
    say(`${name}: the tab was killed and opened again; every acknowledged note is there`)
    for (const listener of reopened) listener()
  }
  device.onReopen = (listener) => reopened.push(listener)
  return device
}
