// Lets the playground work without a network after the first load: what the network does not answer comes from the cache.
// The network is asked first, so a new version shows at the next load.

const CACHE = 'tidewell-playground'
/** What devices and the server say to each other, and whether there is one, is never kept. */
const NEVER = /\/sync(\.json$|\/)/

self.addEventListener('install', (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method === 'GET' && origin === self.location.origin && !NEVER.test(pathname)) event.respondWith(answer(request))
})

/** Every file of the page and of the package, as the server lists them. */
const keepAll = async () => {
  const cache = await caches.open(CACHE)
  const list = await (await fetch('files.json', { cache: 'no-store' })).json()
  await cache.addAll(list)
}

const answer = async (request) => {
  const cache = await caches.open(CACHE)
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put(request, response.clone())
    return response
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true })
    if (kept !== undefined) return kept
    throw error
  }
}
