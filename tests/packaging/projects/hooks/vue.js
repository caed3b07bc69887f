// Vue, with render functions.
import { createApp, defineComponent, h, ref, shallowRef } from 'vue'
import { useLiveQuery, useSearch, useSyncStatus } from 'tidewell/vue'
import { db, found, notes, refused, shown, standing, tagged, unwritten } from './database.js'

const tag = ref('sea')
const text = ref('tide')
const sync = shallowRef()
const state = ({ status, data }) => ({ status: status.value, data: data.value })

const Docs = defineComponent({
  props: ['id', 'tag'],
  setup(props) {
    const docs = useLiveQuery(() => tagged(props.tag))
    return () => h('p', { id: props.id }, shown(state(docs)))
  },
})

const App = defineComponent({
  setup() {
    const search = useSearch(notes, text, { limit: 5 })
    const wrong = useLiveQuery(refused())
    const unwrittenState = useLiveQuery(() => unwritten())
    const status = useSyncStatus(sync)
    const nothing = useLiveQuery(() => undefined)
    return () => [
      h(Docs, { id: 'docs', tag: tag.value }),
      h(Docs, { id: 'same', tag: tag.value }),
      h('p', { id: 'found' }, found(state(search))),
      h('p', { id: 'refused' }, wrong.status.value),
      h('p', { id: 'unwritten' }, unwrittenState.status.value),
      h('p', { id: 'sync' }, standing(status.value)),
      h('p', { id: 'nothing' }, nothing.status.value),
    ]
  },
})

const app = createApp(App)
app.mount('#root')
window.app = {
  ...{ db, notes },
  setTag: (value) => (tag.value = value),
  setText: (value) => (text.value = value),
  setSync: (value) => (sync.value = value),
  unmount: () => app.unmount(),
}
window.ready = true
