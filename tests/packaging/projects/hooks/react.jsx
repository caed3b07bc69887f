// React, in strict mode: two components that show the same, a search, a query that fails, and one that suspends.
import { StrictMode, Suspense, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { useLiveQuery, useSearch, useSyncStatus } from 'tidewell/react'
import { db, found, notes, refused, shown, standing, tagged, unwritten } from './database.js'

const app = { db, notes }
window.app = app
window.fallbacks = 0

function Docs({ id, tag }) {
  return <p id={id}>{shown(useLiveQuery(tagged(tag)))}</p>
}

function Suspending({ tag }) {
  return <p id="suspending">{shown(useLiveQuery(tagged(tag).limit(1), { suspense: true }))}</p>
}

function Fallback() {
  window.fallbacks += 1
  return <p>waiting</p>
}

function App() {
  const [tag, setTag] = useState('sea')
  const [text, setText] = useState('tide')
  const [sync, setSync] = useState()
  Object.assign(app, { setTag, setText, setSync })
  return (
    <>
      <Docs id="docs" tag={tag} />
      <Docs id="same" tag={tag} />
      <p id="found">{found(useSearch(notes, text, { limit: 5 }))}</p>
      <p id="refused">{useLiveQuery(refused()).status}</p>
      <p id="unwritten">{useLiveQuery(unwritten()).status}</p>
      <p id="sync">{standing(useSyncStatus(sync))}</p>
      <p id="nothing">{useLiveQuery(undefined).status}</p>
      <Suspense fallback={<Fallback />}>
        <Suspending tag={tag} />
      </Suspense>
    </>
  )
}

const root = createRoot(document.getElementById('root'))
root.render(
  <StrictMode>
    <App />
  </StrictMode>,
)
app.unmount = () => root.unmount()
window.ready = true
