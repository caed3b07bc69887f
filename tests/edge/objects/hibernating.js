// The sync server's objects, which are counted as they are made: what an object held in memory is gone when it is made again.
import { SyncTenant, syncWorker } from 'tidewell/edge-sync'

/** By the object's name. It is the isolate's, which outlives its objects, so that nobody is woken to read it. */
const made = new Map()
const worker = syncWorker()

export class Tenant extends SyncTenant {
  constructor(ctx, env) {
    super(ctx, env)
    const id = String(ctx.id)
    made.set(id, (made.get(id) ?? 0) + 1)
  }
}

export default {
  fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== '/made') return worker.fetch(request, env)
    return Response.json(made.get(String(env.TENANTS.idFromName(searchParams.get('tenant')))) ?? 0)
  },
}
