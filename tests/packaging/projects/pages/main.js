// The page of every bundler: the package on the page's thread, in its own worker, in a worker of the application, and in a
// service worker.
import * as tidewell from 'tidewell'
import { scenario } from './scenario.js'

/** What the worker of the application saw. */
function inOwnWorker() {
  const worker = new Worker(new URL('./own-worker.js', import.meta.url), { type: 'module', name: 'own' })
  return answerOf((port) => worker.postMessage('go', [port]), worker)
}

/** What the service worker saw. */
async function inServiceWorker() {
  const { address, ...options } = window.serviceWorker
  await navigator.serviceWorker.register(address, options)
  const { active } = await navigator.serviceWorker.ready
  return answerOf((port) => active.postMessage('go', [port]), active)
}

function answerOf(ask, worker) {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`))
    port1.onmessage = ({ data }) => (typeof data === 'string' ? reject(new Error(data)) : resolve(data))
    ask(port2)
  })
}

async function main() {
  const seen = {}
  seen.page = await scenario(tidewell, { name: 'page' })
  seen["the package's worker"] = await scenario(tidewell, { name: 'worker', worker: true })
  if (!window.withoutOwnWorker) seen["an application's worker"] = await inOwnWorker()
  if (window.serviceWorker !== undefined) seen['a service worker'] = await inServiceWorker()
  return seen
}

main().then(
  (seen) => (window.seen = seen),
  (error) => (window.failed = String(error.stack ?? error)),
)
