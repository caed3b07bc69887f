/**
 * The entry for Cloudflare Durable Objects: the main entry of workerd, and databases on an object's storage.
 *
 * @module tidewell/edge
 */
import wasm from '../tidewell_bg.wasm'
import { provideWhole } from './whole.js'

provideWhole(async () => wasm)

export { openDurable } from '../edge/database.js'
export type { DurableDatabase, DurableOptions } from '../edge/database.js'
export type { DurableRows, DurableState, DurableStorage } from '../edge/types.js'
export * from '../index.js'
