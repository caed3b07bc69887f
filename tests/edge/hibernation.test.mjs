// Live connections to objects that nobody asks: workerd takes such an object out of memory after ten seconds, as the platform does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { Device, SECRET, token } from './support/device.mjs'
import { IDLE_MS, inFolder, ran, serve, until } from './support/host.mjs'
import { open } from './support/operator.mjs'

/** Node has none by itself in every version. What it hears that is no version is counted. */
const signs = { pongs: 0, sockets: [] }
globalThis.WebSocket = class extends WebSocket {
  constructor(...values) {
    super(...values)
    signs.sockets.push(this)
    this.addEventListener('message', ({ data }) => (signs.pongs += data === 'pong' ? 1 : 0))
  }
}

const put = (id) => [{ c: 'notes', id, put: { id } }]

test(
  'what becomes of live connections when their object is not asked for ten seconds',
  { concurrency: true },
  (context) =>
    inFolder(async (data) => {
      const host = await serve('hibernating', data, { TENANTS: 'Tenant' }, { bindings: { TIDEWELL_SECRET: SECRET } })
      const made = (tenant) => host.ask(`made?tenant=${tenant}`)
      await Promise.all([
        context.test('a WebSocket stays open while its object hibernates, and hears of the push that wakes it', () =>
          hibernates(host, made),
        ),
        context.test("the package's client is connected while the object sleeps, and has what the push that wakes it brings", () =>
          serves(host, made),
        ),
        context.test('an expiring token wakes its object, which closes the WebSocket', () => expires(host, made)),
        context.test('a stream keeps its object in memory', () => stays(host, made)),
      ])
    }),
)

async function hibernates(host, made) {
  const [socket, heard] = await listen(host, token({ tenant: 'asleep' }))
  const writer = new Device(host.origin, token({ tenant: 'asleep', sub: 'bob' }))
  const wanted = ['0']
  const push = async () => {
    wanted.push(String(wanted.length))
    await writer.push(put(`n${wanted.length}`))
    await until(() => heard.length === wanted.length, 'news')
  }
  await push()
  assert.equal(await made('asleep'), 1)
  // A machine that is very busy may be late once.
  for (let wakes = 0; wakes < 3 && (await made('asleep')) < 2; wakes++) {
    await pause(IDLE_MS)
    await push()
  }
  assert.equal(await made('asleep'), 2, 'the object was in memory all the time')
  // One that is awake again knows its listeners, too.
  await push()
  assert.deepEqual(heard, wanted)
  assert.equal(socket.readyState, WebSocket.OPEN)
  assert.equal(await made('asleep'), 2)
  socket.terminate()
  ran('Durable Objects on workerd', 'a live WebSocket', 'the object hibernated under it, was made anew, and told of a push')
}

async function serves(host, made) {
  const db = await open('asleep')
  const bearer = (sub) => token({ tenant: 'client', sub })
  const sync = db.sync({
    url: host.origin,
    token: bearer('ann'),
    collections: ['notes'],
    live: 'websocket',
    // It is pinged while it sleeps.
    timing: { silence: 9000 },
  })
  await sync.now()
  const writer = new Device(host.origin, bearer('bob'))
  let pushed = 0
  const push = async () => {
    await writer.push(put(`n${++pushed}`))
    await until(async () => (await db.collection('notes').count()) === pushed, 'it arrives', 5)
  }
  await push()
  assert.equal(await made('client'), 1)
  for (let wakes = 0; wakes < 3 && (await made('client')) < 2; wakes++) {
    await pause(IDLE_MS)
    await push()
  }
  assert.equal(await made('client'), 2, 'the object was in memory all the time')
  assert.ok(signs.pongs >= 3, `${signs.pongs} pings were answered`)
  assert.equal(sync.status.state, 'live')
  // What the device writes itself is there, too.
  await db.collection('notes').insert({ id: 'own' })
  await sync.now()
  assert.ok((await new Device(host.origin, bearer('eve')).pull()).has('own'))
  await sync.stop()
  await db.close()
  await until(() => signs.sockets.every(({ readyState }) => readyState === WebSocket.CLOSED), 'both ends are closed', 5)
  ran('Durable Objects on workerd', "the package's client", `the object slept under it, answered ${signs.pongs} pings, and woke to tell it of a push`)
}

async function expires(host, made) {
  const exp = Math.ceil((Date.now() + IDLE_MS) / 1000)
  const [socket, heard] = await listen(host, token({ tenant: 'expiring', exp }))
  const closed = new Promise((done) => socket.on('close', done))
  assert.equal(await made('expiring'), 1)
  await until(() => socket.readyState >= WebSocket.CLOSING, 'the end of the token')
  assert.ok(Date.now() / 1000 >= exp - 0.1, 'not before')
  socket.terminate()
  assert.equal(await closed, 4401)
  assert.deepEqual([heard, await made('expiring')], [['0'], 2])
}

async function stays(host, made) {
  const bearer = token({ tenant: 'streaming' })
  const response = await fetch(`${host.origin}/v1/live`, { headers: { authorization: `Bearer ${bearer}` } })
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  assert.equal((await reader.read()).value, 'event: version\ndata: 0\n\n')
  await pause(IDLE_MS)
  await new Device(host.origin, bearer).push(put('a'))
  assert.equal((await reader.read()).value, 'event: version\ndata: 1\n\n')
  assert.equal(await made('streaming'), 1)
  await reader.cancel()
}

/** A WebSocket that has heard the first version, and what it hears. */
async function listen(host, bearer) {
  const socket = new WebSocket(`${host.origin.replace('http', 'ws')}/v1/live`, ['tidewell', `bearer.${bearer}`])
  const heard = []
  socket.on('message', (message) => heard.push(String(message)))
  await until(() => heard.length === 1, 'the first version')
  return [socket, heard]
}
