// A loopback proxy between a client and a sync server that does to requests what networks do: it delays them, loses them or their answers,
// sends them twice, cuts answers in the middle, and leaves connections half open. By a seed.
import { createServer, request as send } from 'node:http'

/** Random numbers from 0 to 1 that follow from a seed. */
export const randomOf = (seed) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A preflight that hangs is cut off after so long. Of everything else that hangs, whoever asked must think for himself. */
const PREFLIGHT_MS = 3000

/** What may happen to a request, each as often as the others. */
const MISHAPS = ['lose', 'loseAnswer', 'double', 'cut', 'hang', 'late', 'refuse']

/**
 * Starts a proxy to `port`. A share of `faults` of the requests meets a mishap. `set({ faults })` changes that: 0 is a good network, 1 lets
 * nothing through unharmed. `down` refuses all connections.
 */
export const startProxy = async (port, { seed = 1, faults = 0, delay = 20 } = {}) => {
  const random = randomOf(seed)
  const settings = { faults, delay, down: false }
  let recorded
  const counts = { passed: 0, ...Object.fromEntries(MISHAPS.map((mishap) => [mishap, 0])), streams: 0 }
  const wait = (ms) => new Promise((done) => setTimeout(done, ms))

  /** One exchange with the server; the answer's body is read to its end. */
  const forward = (incoming, body) =>
    new Promise((answered, failed) => {
      const headers = { ...incoming.headers, host: `127.0.0.1:${port}` }
      const outgoing = send({ port, host: '127.0.0.1', method: incoming.method, path: incoming.url, headers }, async (response) => {
        const chunks = []
        try {
          for await (const chunk of response) chunks.push(chunk)
        } catch (error) {
          return failed(error)
        }
        answered({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) })
      })
      outgoing.on('error', failed)
      outgoing.end(body)
    })

  const mishap = () => (random() < settings.faults ? MISHAPS[Math.floor(random() * MISHAPS.length)] : 'passed')

  const exchange = async (incoming, response) => {
    if (recorded !== undefined && incoming.method === 'POST') {
      const request = { token: incoming.headers.authorization, path: incoming.url, begun: performance.now(), ended: Infinity }
      recorded.push(request)
      response.on('close', () => (request.ended = performance.now()))
    }
    const chunks = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const what = mishap()
    counts[what]++
    if (what === 'lose') return incoming.socket.destroy()
    if (what === 'refuse') return response.writeHead(502).end('<html>bad gateway')
    if (what === 'late') await wait(settings.delay * random())
    const answer = await forward(incoming, body)
    // The server has it, and nobody knows.
    if (what === 'loseAnswer') return incoming.socket.destroy()
    if (what === 'hang') {
      // Chromium waits for a preflight for ever, and has six connections to a host. A half-open one ends some day.
      if (incoming.method === 'OPTIONS') setTimeout(() => incoming.socket.destroy(), PREFLIGHT_MS)
      return
    }
    const { status, headers, body: text } = what === 'double' ? await forward(incoming, body) : answer
    delete headers['transfer-encoding']
    response.writeHead(status, { ...headers, 'content-length': text.length })
    if (what !== 'cut') return response.end(text)
    response.write(text.subarray(0, text.length / 2), () => incoming.socket.destroy())
  }

  const stream = (incoming, response) => {
    counts.streams++
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}`, 'accept-encoding': 'identity' }
    const outgoing = send({ port, host: '127.0.0.1', path: incoming.url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    outgoing.on('error', () => response.destroy())
    response.on('close', () => outgoing.destroy())
    outgoing.end()
    if (random() < settings.faults) setTimeout(() => response.destroy(), 200 * random())
  }

  const server = createServer((incoming, response) => {
    if (settings.down) return incoming.socket.destroy()
    if (incoming.method === 'GET' && incoming.url === '/v1/live') return stream(incoming, response)
    exchange(incoming, response).catch(() => incoming.socket.destroy())
  })
  await new Promise((listens) => server.listen(0, '127.0.0.1', listens))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    counts,
    /** From now on every request is written down: whose, from when to when. */
    record: () => (recorded = []),
    set: (changed) => {
      Object.assign(settings, changed)
      if (settings.down) server.closeAllConnections()
    },
    close: () => {
      server.closeAllConnections()
      return new Promise((closed) => server.close(closed))
    },
  }
}
