// The sync server's objects, whose backup is read in two parts, so that something can happen in between.
import { SyncTenant, syncWorker } from 'tidewell/edge-sync'

const worker = syncWorker()

export class Tenant extends SyncTenant {
  #parts = []
  #reader

  fetch(request) {
    const route = new URL(request.url).pathname
    return route === '/begin' ? this.begin() : route === '/rest' ? this.rest() : super.fetch(request)
  }

  async begin() {
    this.#reader = this.backup('t').getReader()
    // The header, and a first slice.
    this.#parts = [await this.#reader.read(), await this.#reader.read()].map(({ value }) => value)
    return Response.json(this.#parts.length)
  }

  async rest() {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read()
        if (done) break
        this.#parts.push(value)
      }
    } catch ({ code, message }) {
      return Response.json({ code, message })
    }
    return Response.json({ pieces: this.#parts.length, text: await new Blob(this.#parts).text() })
  }
}

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (!['/begin', '/rest'].includes(pathname)) return worker.fetch(request, env)
    return env.TENANTS.get(env.TENANTS.idFromName('t')).fetch(request)
  },
}
