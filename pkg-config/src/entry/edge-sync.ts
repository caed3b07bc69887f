/**
 * The sync server for Cloudflare Workers: a Durable Object for each tenant, and the worker in front of them. No engine comes along.
 *
 * @module tidewell/edge-sync
 */
import wasm from '../tidewell_sync.wasm'
import { provideSync } from '../edge/tenant.js'

provideSync(wasm)

export { SyncTenant } from '../edge/tenant.js'
export type { TenantEnv } from '../edge/tenant.js'
export type { Restored } from '../edge/restore.js'
export { syncWorker } from '../edge/worker.js'
export type { SyncWorker, SyncWorkerOptions } from '../edge/worker.js'
export { TidewellError } from '../errors.js'
export type { ErrorCode, ErrorDetails } from '../errors.js'
export type { DurableRows, DurableState, DurableStorage } from '../edge/types.js'
