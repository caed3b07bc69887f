/** What entry points are made of: engines on this thread. Not public. */
export { compileOnce, type ProgramSource } from './local/instance.js'
export type { Program } from './local/rest.js'
export { deleteLocal, openLocal } from './local/backend.js'
