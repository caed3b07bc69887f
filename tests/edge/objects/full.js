// The sync server's object in storage that has room for so many bytes: workerd itself sets no limit.
import { SyncTenant, syncWorker } from 'tidewell/edge-sync'

const ROOM = 4_000_000

export class Tenant extends SyncTenant {
  constructor(ctx, env) {
    super(ctx, env)
    const { sql } = ctx.storage
    const exec = sql.exec.bind(sql)
    let written = 0
    sql.exec = (query, ...bindings) => {
      if (/^DELETE/.test(query)) written = 0
      if (/^INSERT/.test(query)) written += bindings.reduce((sum, one) => sum + (one?.byteLength ?? one?.length ?? 8), 0)
      if (/^INSERT/.test(query) && written > ROOM) throw new Error('database or disk is full: SQLITE_FULL')
      return exec(query, ...bindings)
    }
  }
}

export default syncWorker()
