// A worker that helps with the job of its page, as docs/JOBS.md shows it. Which database that is comes with its address.
import { open } from '/tidewell.js'
import { words } from './job_words.js'

let mapped = 0
const db = await open(new URL(self.location.href).searchParams.get('database'))
db.on('error', ({ message }) => postMessage({ error: message }))
const before = () => {
  if (++mapped % 100 === 0) postMessage({ mapped })
}
db.job('words', words(before)).help()
postMessage({ mapped })
