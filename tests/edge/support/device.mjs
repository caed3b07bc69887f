// A client of the sync server, as small as docs/SYNC.md allows: it pushes what it is told, and pulls.
import { FRESH } from './host.mjs'
import { xxhash3 } from 'hash-wasm'

export { SECRET, token } from './token.mjs'

export class Device {
  #seq = 0
  #prev = '0000000000000000'

  constructor(origin, bearer, replica = `r${Math.random().toString(36).slice(2)}`) {
    Object.assign(this, { origin, bearer, replica })
  }

  async post(route, body, headers = {}) {
    const response = await fetch(`${this.origin}/v1/${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.bearer}`, ...FRESH, ...headers },
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      ...(text === '' ? {} : JSON.parse(text)),
    }
  }

  /** Pushes mutations, each an array of ops. */
  async push(...mutations) {
    const wire = []
    for (const ops of mutations) {
      const seq = this.#seq + wire.length + 1
      const mutation = {
        seq,
        prev: this.#prev,
        id: `${this.replica}-${seq}`,
        schema: 1,
        base: 0,
        ops,
      }
      const hash = await xxhash3(JSON.stringify(mutation))
      wire.push({ ...mutation, hash })
      this.#prev = hash
    }
    this.#seq += wire.length
    return this.post('push', {
      v: 1,
      replica: this.replica,
      epoch: null,
      mutations: wire,
    })
  }

  /** Everything the device may see of notes, by id. */
  async pull() {
    const [seen, limit] = [new Map(), 100]
    for (let cursor = null; ;) {
      const page = await this.post('pull', {
        v: 1,
        replica: this.replica,
        cursor,
        limit,
        subscriptions: [{ c: 'notes', filter: {} }],
      })
      if (page.kind !== 'page') throw new Error(JSON.stringify(page))
      for (const { id, doc } of page.changes) seen.set(id, doc)
      if (!page.more) return seen
      cursor = page.cursor
    }
  }
}
