// The conformance suite of disks, run in an object against the object's own storage. Every claim has a table of its own.
import { DurableObject } from 'cloudflare:workers'
import { DurableStore } from './store.js'
import { checkDisk, initSync } from './conformance/conformance.js'
import module from './conformance/conformance_bg.wasm'

const NONE = new Float64Array(0)

export class Checked extends DurableObject {
  async fetch(request) {
    if (new URL(request.url).pathname === '/rows') return Response.json(this.rows())
    initSync({ module })
    const open = (name) => new DurableStore(this.ctx.storage, undefined, name.replaceAll(/\W/g, '_'))
    return Response.json(await checkDisk(open).catch(String))
  }

  /** Bytes of the rows of one blob of 5 MB. */
  rows() {
    const store = new DurableStore(this.ctx.storage, undefined, 'large')
    store.commit(NONE, Float64Array.of(1, 1, 0), [new Uint8Array(5e6).fill(7)], 0, NONE, false)
    const sizes = [...this.ctx.storage.sql.exec('SELECT length(bytes) FROM large ORDER BY chunk').raw()].flat()
    const [blob] = store.read(Float64Array.of(1, 1, 0))
    store.close()
    return { sizes, whole: blob.length === 5e6 && blob.every((byte) => byte === 7) }
  }
}

export default {
  fetch: (request, env) => env.CHECKED.get(env.CHECKED.idFromName('a')).fetch(request),
}
