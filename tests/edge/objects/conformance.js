// The conformance suite of disks, run in an object against the object's own storage. Every claim has a table of its own.
import { DurableObject } from 'cloudflare:workers'
import { DurableStore } from './store.js'
import { checkDisk, initSync } from './conformance/conformance.js'
import module from './conformance/conformance_bg.wasm'

export class Checked extends DurableObject {
  async fetch() {
    initSync({ module })
    const open = (name) => new DurableStore(this.ctx.storage, undefined, name.replaceAll(/\W/g, '_'))
    return Response.json(await checkDisk(open).catch(String))
  }
}

export default {
  fetch: (request, env) => env.CHECKED.get(env.CHECKED.idFromName('a')).fetch(request),
}
