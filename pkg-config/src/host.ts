/** What entry points are made of: engines on this thread and in a worker. Not public. */
export { compileOnce, type ProgramSource } from './local/instance.js'
export type { Program } from './local/rest.js'
export { deleteLocal, openLocal } from './local/backend.js'
export { openInWorker } from './worker/client.js'
export { handleOf, holdLock, scopePort } from './worker/handle.js'
export { serve } from './worker/host.js'
