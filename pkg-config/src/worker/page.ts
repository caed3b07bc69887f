/** What a page with the engine in a worker needs; loaded when one is asked for. */
export { openInWorker } from './client.js'
export { handleOf } from './handle.js'
