// React on a server: the hooks render as loading, and suspense leaves its fallback to the browser.
import { Suspense } from 'react'
import { renderToPipeableStream, renderToString } from 'react-dom/server'
import { Writable } from 'node:stream'
import { open } from 'tidewell'
import { useLiveQuery, useSearch } from 'tidewell/react'

const db = await open('server')
const notes = db.collection('notes', { search: ['title'] })

function Page({ suspense }) {
  const docs = useLiveQuery(notes.find({ tag: 'sea' }), { suspense })
  const search = useSearch(notes, 'tide')
  return <p>{`${docs.status} ${search.status} ${useLiveQuery(null).status}`}</p>
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
const { subscriptions } = await db.stats()
await db.close()
console.log(JSON.stringify({ plain: renderToString(<Page />), streamed, subscriptions }))
