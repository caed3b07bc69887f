// A worker that helps with a job when it is told to, until it is told to stop.
import { open } from '/tidewell.js'
import { jobOf } from './split.js'

const db = await open(new URL(self.location.href).searchParams.get('database'))
let end
self.onmessage = ({ data }) => {
  end?.()
  end = data === null ? undefined : jobOf(db, data.work, data.partitions).help()
  postMessage('told')
}
postMessage('ready')
