// Vue on a server.
import { createSSRApp, defineComponent, h } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { useLiveQuery, useSearch, useSyncStatus } from 'tidewell/vue'
import { asked, notes, told, words } from './database.js'

const Page = defineComponent({
  setup() {
    const [docs, search, nothing] = [useLiveQuery(asked), useSearch(notes, 'tide'), useLiveQuery(() => undefined)]
    const sync = useSyncStatus(undefined)
    return () => h('p', words(docs.status.value, search.status.value, nothing.status.value, sync.value))
  },
})

await told({ plain: await renderToString(createSSRApp(Page)) })
