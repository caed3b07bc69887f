// How a device stands with the server: its state, what it has not sent, and what was refused and waits for a decision. Where there is no
// server, none of it is shown.

import { debounce, h, integer, say, sentence } from '../dom.js'

const WORDS = {
  connecting: 'connecting',
  syncing: 'syncing',
  live: 'in step',
  offline: 'offline',
  'needs-auth': 'signed out',
  upgrade: 'needs a newer version',
}
const TIMING = { backoff: 300, backoffMax: 3_000, poll: 10_000, deadline: 10_000 }

/** Wires the device's network switch and its lists. `begin` is called with each database that it opens, and answers its sync. */
export const makeSync = (device, parts, network, server) => {
  let sync
  const setNetwork = (on) => {
    network.set(on)
    parts.network.checked = on
    show()
  }
  const show = () => {
    const status = sync?.status
    const state = status === undefined ? 'alone' : network.isOn ? status.state : 'offline'
    parts.state.dataset.state = state
    parts['state-text'].textContent = status === undefined ? 'on this device' : network.isOn ? WORDS[state] : 'network cut'
    parts.pending.textContent = integer(status?.pending ?? 0)
    parts.letters.textContent = integer(status?.letters ?? 0)
    parts.letters.closest('details').dataset.some = String((status?.letters ?? 0) > 0)
  }
  const lists = debounce(50, async () => {
    try {
      const [pending, letters] = await Promise.all([sync.outbox({ limit: 20 }), sync.deadLetters({ limit: 20 })])
      fill(parts.outbox, pending.map(waiting), 'Everything is at the server.')
      fill(parts.dead, letters.map((letter) => refused(letter, device)), 'Nothing was refused.')
    } catch {
      // The database was closed, or killed: the next one shows its own.
    }
  })
  parts.network.addEventListener('change', () => setNetwork(parts.network.checked))
  const begin = () => {
    const isThere = server !== undefined
    parts.sync.hidden = !isThere
    parts.network.disabled = !isThere
    sync = undefined
    if (isThere) {
      const url = new URL(`${device.id}/`, `${server.url}/`).href.replace(/\/$/, '')
      sync = device.db.sync({ url, token: server.token, collections: ['notes'], timing: TIMING })
      sync.subscribe(() => {
        show()
        lists()
      })
      lists()
    }
    show()
    return sync
  }
  return { begin, setNetwork }
}

const fill = (place, rows, otherwise) => place.replaceChildren(...(rows.length === 0 ? [h('li', { class: 'note' }, otherwise)] : rows))

/** What an op does, in words. */
const inWords = (op) => {
  if (op.remove) return `delete ${op.id}`
  if (op.update !== undefined) return `change ${Object.keys(op.update.$set ?? op.update).filter((path) => path !== 'changed').join(', ')} of ${op.id}`
  return `write “${(op.create ?? op.put)?.title ?? op.id}”`
}

const waiting = ({ seq, ops, answered }) => h('li', {}, h('b', {}, integer(seq)), ' ', ops.map(inWords).join('; '), answered ? h('span', { class: 'note' }, ' (arrived)') : '')

const refused = (letter, { name, seen }) => {
  const attempt = (work, done) => async () => {
    try {
      await work()
      say(`${name}: ${done}`)
    } catch (error) {
      say(sentence(error), 'error')
    }
  }
  const now = letter.documents.map((one) => (one === null ? 'deleted' : `“${one.title}: ${one.body}”`)).join('; ')
  const ours = letter.ops.map((op) => op.update?.$set?.body ?? op.update?.$set?.title ?? inWords(op)).join('; ')
  /** A note that is gone is written anew, as it was last seen here. */
  const whole = (op) => ({ collection: op.collection, id: op.id, put: { ...seen.get(op.id), ...op.update?.$set, id: op.id } })
  const again = () => (letter.code === 'gone' ? letter.edit(letter.ops.map(whole)) : letter.retry())
  return h(
    'li',
    { class: 'letter' },
    h('p', {}, h('b', {}, letter.code === 'gone' ? 'Changed here, deleted on another device' : letter.reason)),
    h('p', {}, h('span', { class: 'note' }, 'here: '), ours),
    h('p', {}, h('span', { class: 'note' }, 'now: '), now),
    h('button', { class: 'quiet', onclick: attempt(again, 'this device’s note was sent again') }, 'Use ours'),
    ' ',
    h('button', { class: 'quiet', onclick: attempt(() => letter.discard(), 'the other stays') }, 'Keep theirs'),
  )
}
