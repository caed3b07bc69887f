// Svelte 5 with runes: stores read by `$`.
import { flushSync, mount, unmount } from 'svelte'
import App from './App.svelte'
import { db, notes } from './database.js'

const component = mount(App, { target: document.getElementById('root') })
window.app = {
  ...{ db, notes },
  setTag: (tag) => flushSync(() => component.setTag(tag)),
  setText: (text) => flushSync(() => component.setText(text)),
  setSync: (sync) => flushSync(() => component.setSync(sync)),
  unmount: () => unmount(component),
}
window.ready = true
