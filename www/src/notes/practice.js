// A sync server within the page, for hosts that have none: the state machine that the package brings to the edge, over a tenant in memory.
// What it was asked is kept in order, in a database of its own, and asked again when the page comes back: so it becomes the same again,
// in every tab. Not for more than a demonstration: it checks no token, and what it keeps only grows.

import { createGlue } from '../../tidewell/dist/sync_glue.js'

const NAME = 'playground sync server'
const STORE = 'calls'
const CLAIMS = JSON.stringify({ sub: 'visitor' })
const KEEP_ALIVE_MS = 15_000
const utf8 = new TextEncoder()
const JSON_TYPE = { 'content-type': 'application/json' }

/** Starts it; answers what is handed its requests in the place of `fetch`. */
export const startPracticeServer = async () => {
  const [glue, calls] = await Promise.all([load(), openCalls()])
  const tenant = makeTenant(glue, calls)
  await tenant.begin()
  const listeners = new Set()
  const tabs = new BroadcastChannel(NAME)
  const tell = (version) => listeners.forEach((listener) => listener(version))
  tabs.onmessage = () => tenant.version().then(tell, () => {})

  const routes = {
    pull: async (request) => new Response(...answered(await tenant.pull(await bodyOf(request)))),
    push: async (request) => {
      const { version, answer } = await tenant.push(await bodyOf(request))
      tell(version)
      tabs.postMessage('')
      return new Response(...answered(answer))
    },
    live: async ({ signal }) => new Response(news(listeners, await tenant.version(), signal), { headers: { 'content-type': 'text/event-stream' } }),
  }
  return async (input, init) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    const route = routes[new URL(request.url).pathname.split('/').at(-1)]
    return untilAborted(route?.(request) ?? Promise.resolve(new Response(null, { status: 404 })), request.signal)
  }
}

const load = async () => {
  const glue = createGlue(WebAssembly)
  // Not while it arrives: a static host may not know the type.
  const bytes = await (await fetch(new URL('../../tidewell/dist/tidewell_sync.wasm', import.meta.url))).arrayBuffer()
  glue.initSync({ module: await WebAssembly.compile(bytes) })
  return glue
}

const openCalls = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/** The tenant. The first call that is kept is its epoch, the others are bodies of pushes. */
const makeTenant = (glue, database) => {
  let [server, done, turn] = [undefined, 0, Promise.resolve()]
  const take = (call) => {
    done += 1
    if (server === undefined) server = glue.SyncServer.inMemory(call, '{}')
    else server.push(CLAIMS, utf8.encode(call))
  }
  /** One transaction: what other tabs were asked since, then `work`. */
  const run = async (mode, work) => {
    const transaction = database.transaction(STORE, mode)
    const store = transaction.objectStore(STORE)
    let answer
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error ?? new Error('the sync server in this page failed'))
    })
    store.getAll(IDBKeyRange.lowerBound(done, true)).onsuccess = ({ target }) => {
      target.result.forEach(take)
      answer = work(store)
    }
    try {
      await ended
      return answer
    } catch (error) {
      // What was not kept did not happen.
      ;[server, done] = [undefined, 0]
      throw error
    }
  }
  const atOnce = (mode, work) => {
    const mine = turn.then(() => run(mode, work))
    turn = mine.catch(() => {})
    return mine
  }
  return {
    begin: () =>
      atOnce('readwrite', (store) => {
        if (server !== undefined) return
        const epoch = crypto.randomUUID()
        store.add(epoch)
        take(epoch)
      }),
    version: () => atOnce('readonly', () => server.version()),
    pull: (body) => atOnce('readonly', () => server.pull(CLAIMS, utf8.encode(body))),
    push: (body) =>
      atOnce('readwrite', (store) => {
        const answer = server.push(CLAIMS, utf8.encode(body))
        if (answer[0] === 200) {
          store.add(body)
          done += 1
        }
        return { version: server.version(), answer }
      }),
  }
}

const answered = ([status, body]) => [body, { status, headers: JSON_TYPE }]

const bodyOf = async (request) => {
  if (request.headers.get('content-encoding') !== 'gzip') return request.text()
  return new Response((await request.blob()).stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

/** Events for one listener, until the signal fires. */
const news = (listeners, version, signal) => {
  let [listener, alive] = []
  const leave = () => {
    listeners.delete(listener)
    clearInterval(alive)
  }
  return new ReadableStream({
    start: (controller) => {
      if (signal.aborted) return controller.error(signal.reason)
      listener = (reached) => controller.enqueue(utf8.encode(`event: version\ndata: ${reached}\n\n`))
      listeners.add(listener)
      listener(version)
      alive = setInterval(() => controller.enqueue(utf8.encode(':\n\n')), KEEP_ALIVE_MS)
      signal.addEventListener('abort', () => {
        leave()
        controller.error(signal.reason)
      })
    },
    cancel: leave,
  })
}

const untilAborted = (work, signal) =>
  new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
