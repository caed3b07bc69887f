// A sync server on Cloudflare: a Durable Object for each tenant, which holds the tenant's documents, and the worker in front of them.
// Settings are in wrangler.jsonc.
import { SyncTenant, syncWorker } from 'tidewell/edge-sync'

export class Tenant extends SyncTenant {}

export default syncWorker()
