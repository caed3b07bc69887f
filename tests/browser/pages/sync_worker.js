// A service worker that sends what a page wrote offline, as docs/SYNC.md shows it. What it syncs comes with its address.
import { open } from '/pkg/dist/single.js'

const options = JSON.parse(new URL(self.location.href).searchParams.get('options'))

const send = async () => {
  await using db = await open('synced')
  await using sync = db.sync({ ...options, live: false })
  await sync.now()
}

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('sync', (event) => {
  if (event.tag === 'notes') event.waitUntil(send())
})
