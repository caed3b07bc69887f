// Loads documents from the data set beside the page or from a file of the user's, in batches, with progress, and can be stopped.

import { byId, duration, integer, say, sentence } from './dom.js'
import { change, SAMPLE, state, target } from './store.js'

const BATCH = 500

/** Wires the buttons, the file dialog and dropping a file on the page. */
export const makeData = () => {
  const file = byId('file')
  const dialog = byId('load-dialog')
  let purpose = 'load'
  const pick = (what) => () => {
    purpose = what
    dialog.close()
    file.click()
  }
  const sample = () => {
    dialog.close()
    loadSample()
  }
  byId('load').addEventListener('click', () => dialog.showModal())
  for (const id of ['sample', 'sample-again']) byId(id).addEventListener('click', sample)
  for (const id of ['open', 'open-again']) byId(id).addEventListener('click', pick('load'))
  byId('restore').addEventListener('click', pick('restore'))
  file.addEventListener('change', () => {
    const [chosen] = file.files
    file.value = ''
    if (chosen !== undefined) purpose === 'restore' ? restore(chosen) : loadFile(chosen)
  })
  addEventListener('dragover', (event) => event.preventDefault())
  addEventListener('drop', (event) => {
    event.preventDefault()
    const [dropped] = event.dataTransfer?.files ?? []
    if (dropped !== undefined) loadFile(dropped)
  })
  return { pickBackup: pick('restore') }
}

const loadSample = async () => {
  const response = await fetch('data/papers.jsonl.gz')
  if (!response.ok) return say('The data set is not here', 'error')
  await load(SAMPLE, response.body, Number(response.headers.get('content-length')), 'papers.jsonl.gz')
}

const loadFile = (file) => {
  const name = file.name.replace(/\.(gz|jsonl?|ndjson)$/g, '').replace(/\.(jsonl?|ndjson)$/, '') || 'file'
  return load(name, file.stream(), file.size, file.name)
}

/** Loads a stream of JSON lines, or of one JSON array, into the collection `name`. */
const load = (name, stream, size, fileName) =>
  withProgress(async (progress, signal) => {
    const begun = performance.now()
    const into = target(name)
    if (state.name !== name) change({ name })
    let read = 0
    const counted = stream.pipeThrough(
      new TransformStream({
        transform(chunk, out) {
          read += chunk.length
          out.enqueue(chunk)
        },
      }),
    )
    const plain = fileName.endsWith('.gz') ? counted.pipeThrough(new DecompressionStream('gzip')) : counted
    let written = 0
    for await (const batch of batches(plain)) {
      if (signal.aborted) break
      await into.putMany(batch.map(asDocument))
      written += batch.length
      progress(size > 0 ? Math.min(read / size, 1) : 0, `${integer(written)} documents`)
    }
    const took = performance.now() - begun
    change({ loaded: name })
    say(`${integer(written)} documents in ${duration(took)}, indexes included${signal.aborted ? '; stopped' : ''}`)
  })

const restore = (file) =>
  withProgress(async (progress) => {
    progress(0, 'restoring')
    const { collections, documents } = await state.db.import(file.stream())
    change({ loaded: state.name })
    say(`Restored ${integer(documents)} documents in ${integer(collections)} collections`)
  })

/** Shows the progress bar while `work` runs. */
const withProgress = async (work) => {
  const place = byId('progress')
  if (!place.hidden) return say('Something is being loaded already', 'error')
  const bar = place.querySelector('progress')
  const abort = new AbortController()
  byId('stop').onclick = () => abort.abort()
  const progress = (share, text) => {
    bar.value = share
    byId('progress-text').textContent = text
  }
  progress(0, 'reading')
  place.hidden = false
  try {
    await work(progress, abort.signal)
  } catch (error) {
    say(sentence(error), 'error')
  } finally {
    place.hidden = true
  }
}

/** Documents of a byte stream in batches: JSON lines as they come; a JSON array has to be read whole. */
export async function* batches(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let batch = []
  let isArray
  for (;;) {
    const { value, done } = await reader.read()
    rest += value ?? ''
    isArray ??= /\S/.test(rest) ? rest.trimStart().startsWith('[') : undefined
    if (!isArray) {
      const lines = rest.split('\n')
      rest = done ? '' : lines.pop()
      for (const line of lines) {
        if (line.trim() === '') continue
        batch.push(JSON.parse(line))
        if (batch.length === BATCH) {
          yield batch
          batch = []
        }
      }
    }
    if (done) break
  }
  if (isArray) {
    const all = JSON.parse(rest)
    for (let at = 0; at < all.length; at += BATCH) yield all.slice(at, at + BATCH)
  }
  if (batch.length > 0) yield batch
}

/** A row of a file as a document: an object with a string id, when it brings one. */
export const asDocument = (row) => {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return { value: row }
  const { id, ...rest } = row
  const key = id ?? (typeof row._id === 'object' ? row._id?.$oid : row._id)
  return key === undefined || key === null ? rest : { id: String(key), ...rest }
}
