// React on a server: the hooks render as loading, and suspense leaves its fallback to the browser.
import { Suspense } from 'react'
import { renderToPipeableStream, renderToString } from 'react-dom/server'
import { Writable } from 'node:stream'
import { useLiveQuery, useSearch, useSyncStatus } from 'tidewell/react'
import { asked, notes, told, words } from './database.js'

function Page({ suspense }) {
  const docs = useLiveQuery(asked(), { suspense })
  const search = useSearch(notes, 'tide')
  return <p>{words(docs.status, search.status, useLiveQuery(null).status, useSyncStatus(undefined))}</p>
}

const streamed = await new Promise((resolve, reject) => {
  let html = ''
  const sink = new Writable({
    write(chunk, _, done) {
      html += chunk
      done()
    },
    final: (done) => (resolve(html), done()),
  })
  const page = (
    <Suspense fallback={<p>the fallback</p>}>
      <Page suspense={true} />
    </Suspense>
  )
  const { pipe } = renderToPipeableStream(page, { onAllReady: () => pipe(sink), onShellError: reject, onError: () => 'E1' })
})
await told({ plain: renderToString(<Page />), streamed })
