/** The live stream over an engine and a server that a test plays: what the engine is asked when the server tells of a version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSync } from '../src/sync/check.js'
import type { Sync, SyncOptions } from '../src/sync/types.js'
import type { FakeServer } from './fake_server.js'
import { type Command, ok, optionsFor, PlayedEngine, scene } from './played_engine.js'
import { until } from './until.js'

test('news of a newer version have the engine poked; of one that is here they do not', async () => {
  const engine = new PlayedEngine(['pull', '{}'])
  engine.status.version = 5
  await scene(engine, ok, async ({ db, server }) => {
    db.sync(optionsFor(server, { live: true }))
    await until(() => server.streams.size === 1, 'it listens')
    const [stream] = [...server.streams]
    stream?.write('event: version\ndata: 5\n\n')
    stream?.write('event: ver')
    stream?.write('sion\nda')
    stream?.write('ta: 6\n\n')
    await until(() => engine.of('syncPoke').length > 0, 'poked')
    stream?.write('event: version\ndata: 0\n\n')
    await until(() => engine.of('syncPoke').length > 1, 'poked by 0')
    assert.equal(engine.of('syncPoke').length, 2)
  })
})

test('news that come while an answer is being stored are looked at afterwards', async () => {
  const engine = new PlayedEngine(['pull', '{}'])
  engine.status.version = 5
  const { script } = engine
  let stored: (() => void) | undefined
  const slowly = (command: Command) => {
    const answer = script(command)
    if (command['op'] !== 'syncAnswer' || engine.of('syncPoke').length === 0) return answer
    return new Promise((resolve) => (stored = () => resolve(answer)))
  }
  await scene(Object.assign(engine, { script: slowly }), ok, async ({ db, server }) => {
    db.sync(optionsFor(server, { live: true }))
    await until(() => server.streams.size === 1, 'it listens')
    const [stream] = [...server.streams]
    engine.bodies.push(['pull', '{}'])
    stream?.write('event: version\ndata: 6\n\n')
    await until(() => stored !== undefined, 'the answer is being stored')
    stream?.write('event: version\ndata: 7\n\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const early = engine.of('syncPoke').length
    stored?.()
    assert.equal(early, 1, 'a poke would be forgotten when the answer is stored')
    await until(() => engine.of('syncPoke').length === 2, 'poked afterwards')
  })
})

test('a live stream that is silent for too long is opened anew', async () => {
  const engine = new PlayedEngine(['pull', '{}'])
  await scene(engine, ok, async ({ db, server }) => {
    db.sync(optionsFor(server, { live: true, timing: { silence: 50 } }))
    const opened = () => server.heard.filter(({ path }) => path === '/v1/live').length
    await until(() => opened() >= 2, 'opened again')
  })
})

/** WebSockets that a test plays: nobody is at the other end. */
class PlayedSocket extends EventTarget {
  static readonly all: PlayedSocket[] = []
  readonly OPEN = 1
  readyState = 0
  readonly said: string[] = []

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    super()
    PlayedSocket.all.push(this)
  }

  opens(): void {
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }

  hears(data: string): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }

  closes(code: number): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.dispatchEvent(Object.assign(new Event('close'), { code }))
  }

  send(text: string): void {
    this.said.push(text)
  }

  close(): void {
    // As Node's, which tells it before it returns.
    if (this.readyState !== 1) this.dispatchEvent(new Event('error'))
    this.closes(1005)
  }
}

/** A database that listens to a WebSocket, and what the server is asked for. */
async function overSocket(
  more: Partial<SyncOptions>,
  run: (played: { engine: PlayedEngine; sockets: PlayedSocket[]; server: FakeServer; sync: Sync }) => Promise<void>,
): Promise<void> {
  const engine = new PlayedEngine(['pull', '{}'])
  engine.status.version = 5
  const usual = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')
  Object.defineProperty(globalThis, 'WebSocket', { value: PlayedSocket, configurable: true, writable: true })
  const sockets = PlayedSocket.all
  sockets.length = 0
  try {
    await scene(engine, ok, async ({ db, server }) => {
      const sync = db.sync(optionsFor(server, { live: 'websocket', ...more }))
      await until(() => sockets.length === 1, 'it asks for a WebSocket')
      await run({ engine, sockets, server, sync })
    })
  } finally {
    if (usual === undefined) Reflect.deleteProperty(globalThis, 'WebSocket')
    else Object.defineProperty(globalThis, 'WebSocket', usual)
  }
}

const streamed = ({ heard }: FakeServer) => heard.filter(({ path }) => path === '/v1/live').length

test('a WebSocket brings the same news, is pinged, and is closed with the sync', () =>
  overSocket({ timing: { silence: 300 } }, async ({ engine, sockets: [socket], server, sync }) => {
    assert.equal(socket?.url, `${server.url.replace('http', 'ws')}/v1/live`)
    assert.deepEqual(socket.protocols, ['tidewell', 'bearer.good'])
    socket.opens()
    socket.hears('5')
    socket.hears('6')
    await until(() => engine.of('syncPoke').length === 1, 'poked')
    // As long as pings are answered it is not taken for dead.
    for (let pongs = 1; pongs <= 6; pongs++) {
      await until(() => socket.said.length >= pongs, 'it pings')
      socket.hears('pong')
    }
    assert.deepEqual([socket.said[0], socket.readyState, PlayedSocket.all.length], ['ping', 1, 1])
    assert.equal(engine.of('syncPoke').length, 1, 'a pong is no news')
    await sync.stop()
    assert.deepEqual([socket.readyState, streamed(server)], [3, 0])
  }))

test('a WebSocket whose pings are not answered is opened anew', () =>
  overSocket({ timing: { silence: 300 } }, async ({ sockets, server }) => {
    sockets[0]?.opens()
    sockets[0]?.hears('5')
    await until(() => sockets.length === 2, 'another')
    assert.deepEqual([sockets[0]?.readyState, streamed(server)], [3, 0])
  }))

test('where a WebSocket is refused the stream brings the news', () =>
  overSocket({}, async ({ engine, sockets: [socket], server }) => {
    socket?.closes(1006)
    await until(() => server.streams.size === 1, 'it listens to the stream')
    for (const stream of server.streams) stream.write('event: version\ndata: 6\n\n')
    await until(() => engine.of('syncPoke').length === 1, 'poked')
  }))

test('where a WebSocket never opens the stream brings the news, before the silence is too long', () =>
  overSocket({ timing: { silence: 600 } }, async ({ sockets: [socket], server }) => {
    await until(() => server.streams.size === 1, 'it listens to the stream')
    assert.equal(socket?.readyState, 3)
  }))

test('a WebSocket that is closed because its token has expired comes again with another token', () => {
  const asked: (string | undefined)[] = []
  const getToken: SyncOptions['getToken'] = ({ refused }) => {
    asked.push(refused)
    return refused === undefined ? 'old' : 'new'
  }
  return overSocket({ getToken }, async ({ sockets }) => {
    sockets[0]?.opens()
    sockets[0]?.hears('5')
    sockets[0]?.closes(4401)
    await until(() => sockets.length === 2, 'another')
    assert.deepEqual([asked, sockets[1]?.protocols[1]], [[undefined, 'old'], 'bearer.new'])
  })
})

test('where a WebSocket is wanted the server is not asked every half minute, unless that is said', async () => {
  const polls: unknown[] = []
  for (const options of [{ live: 'websocket' }, { live: 'websocket', timing: { poll: 7 } }, { live: true }])
    polls.push(
      (checkSync({ url: 'http://a', token: 't', collections: ['c'], ...options }).wire['timing'] as Command)['poll'],
    )
  assert.deepEqual(polls, [300_000, 7, undefined])
})
