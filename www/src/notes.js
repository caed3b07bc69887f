// The notes page: two devices with a database each, a network for each that can be cut, and the inspector below. Everything comes from
// the published API.

import { byId, say, sentence } from './dom.js'
import { makeDevice } from './notes/device.js'
import { makeNetwork } from './notes/network.js'
import { findSyncServer } from './notes/server.js'
import { makeTheme } from './theme.js'
import { registerWorker } from './worker.js'

const DEVICES = [
  ['laptop', 'Laptop'],
  ['phone', 'Phone'],
]

const MODES = {
  synced: 'A sync server runs beside this page: what one device writes, the other shows.',
  here: 'What one device writes, the other shows: the sync server runs in this page, too, as it does at the edge.',
  alone: 'No sync server can run here: each device keeps its notes to itself.',
}

const start = async () => {
  makeTheme(byId('theme'))
  registerWorker()
  const server = await findSyncServer()
  const devices = Object.fromEntries(
    DEVICES.map(([id, name]) => [id, makeDevice({ id, name, place: byId(id), network: makeNetwork(id), server })]),
  )
  const opened = await Promise.all(Object.values(devices).map((device) => device.open().then(() => true, tell)))
  byId('mode').textContent = MODES[server === undefined ? 'alone' : server.isHere ? 'here' : 'synced']
  if (opened.every(Boolean)) watch(devices)
}

const tell = (error) => {
  say(sentence(error), 'error')
  return false
}

/** Shows the inspector of the device that is chosen; it is loaded now, and not before. */
const watch = async (devices) => {
  const { mountInspector } = await import('./inspector.js')
  let mounted
  const show = () => {
    const device = devices[document.querySelector('input[name=watched]:checked').value]
    mounted?.remove()
    mounted = mountInspector(device.db, byId('inspector'), { switches: device.switches })
  }
  for (const choice of document.querySelectorAll('input[name=watched]')) choice.addEventListener('change', show)
  for (const device of Object.values(devices)) device.onReopen(show)
  show()
}

start().catch(tell)
