// Solid on a server, without a compiler.
import { renderToString, ssr } from 'solid-js/web'
import { createLiveQuery, createSearch, createSyncStatus } from 'tidewell/solid'
import { asked, notes, told, words } from './database.js'

function Page() {
  const [docs, nothing] = [createLiveQuery(asked), createLiveQuery(() => undefined)]
  const search = createSearch(() => notes, () => 'tide')
  const sync = createSyncStatus(() => undefined)
  return ssr(['<p>', '</p>'], words(docs().status, search().status, nothing().status, sync()))
}

await told({ plain: renderToString(Page) })
