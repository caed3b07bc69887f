// The example of a sync server on workerd: pushes, pulls and live connections, its tokens, rules and limits, and a kill. The scenarios of
// the native server's own tests run against it besides (cargo xtask test edge).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Device, SECRET, token } from './support/device.mjs'
import { counted, inFolder, ran, serve, until } from './support/host.mjs'

const file = fileURLToPath(new URL('../../examples/edge-sync/src/worker.js', import.meta.url))
const start = (data, bindings = {}) =>
  serve('edge-sync', data, { TENANTS: 'Tenant' }, { file, bindings: { TIDEWELL_SECRET: SECRET, ...bindings } })
const put = (id, doc = {}) => [{ c: 'notes', id, put: { id, ...doc } }]

test('what a device pushed another one pulls, each tenant for itself, before and after workerd is killed', () =>
  inFolder(async (data) => {
    let host = await start(data)
    const ann = new Device(host.origin, token({}))
    const pushed = await ann.push(put('a', { n: 1 }), [{ c: 'notes', id: 'a', update: { $inc: { n: 2 } } }])
    assert.deepEqual(
      pushed.results?.map(({ outcome }) => outcome),
      ['applied', 'applied'],
      JSON.stringify(pushed),
    )
    let acknowledged = 0
    const writing = (async () => {
      for (;;) {
        try {
          if ((await ann.push(put(`w${acknowledged}`))).status !== 200) return
        } catch {
          return
        }
        acknowledged++
      }
    })()
    await until(() => acknowledged >= 30, 'thirty pushes')
    await host.kill()
    await writing
    host = await start(data)
    const seen = await new Device(host.origin, token({ sub: 'bob' })).pull()
    assert.deepEqual(seen.get('a'), { id: 'a', n: 3 })
    for (let at = 0; at < acknowledged; at++) assert.ok(seen.has(`w${at}`), `w${at} of ${acknowledged} is lost`)
    assert.equal((await new Device(host.origin, token({ tenant: 'u' })).pull()).size, 0)
    ran('Durable Objects on workerd', 'the sync server, killed', `all of ${acknowledged} acknowledged pushes are there`)
  }))

test('rules from the configuration hold', () =>
  inFolder(async (data) => {
    const rules = {
      notes: {
        read: { owner: '$claims.sub' },
        write: { owner: '$claims.sub' },
      },
    }
    const host = await start(data, { TIDEWELL_RULES: rules })
    const [ann, bob] = ['ann', 'bob'].map((sub) => new Device(host.origin, token({ sub })))
    await ann.push(put('a', { owner: 'ann' }))
    const { results } = await bob.push(put('b', { owner: 'ann' }), put('c', { owner: 'bob' }))
    assert.deepEqual(
      results.map(({ outcome, code }) => code ?? outcome),
      ['forbidden', 'applied'],
    )
    assert.deepEqual([[...(await ann.pull()).keys()], [...(await bob.pull()).keys()]], [['a'], ['c']])
  }))

test('tokens that do not hold are refused, on every route', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const now = Math.floor(Date.now() / 1000)
    const body = token({}).split('.')[1]
    const bad = {
      none: '',
      garbage: 'x.y.z',
      unsigned: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`,
      'of another secret': token({}, { secret: 'another secret of thirty-two bytes' }),
      'of another algorithm': token({}, { header: { alg: 'HS384' }, hash: 'sha384' }),
      'that names another algorithm': token({}, { header: { alg: 'RS256' } }),
      expired: token({ exp: now - 60 }),
      endless: token({ exp: undefined }),
      'not yet': token({ nbf: now + 60 }),
      'without a tenant': token({ tenant: undefined }),
      'with a tenant that is no text': token({ tenant: ['t'] }),
      'with a tenant that nobody can print': token({ tenant: 't\n' }),
      'with a user that nobody can print': token({ sub: '\u0007' }),
      'with a long tenant': token({ tenant: 't'.repeat(129) }),
      cut: token({}).slice(0, -3),
      longer: `${token({})}.x`,
    }
    for (const [what, bearer] of Object.entries(bad)) {
      const device = new Device(host.origin, bearer)
      for (const route of ['push', 'pull']) {
        const { status, kind } = await device.post(route, { v: 1 })
        assert.deepEqual([status, kind], [401, 'auth'], what)
      }
      const live = await fetch(`${host.origin}/v1/live`, {
        headers: { authorization: `Bearer ${bearer}` },
      })
      assert.equal(live.status, 401, what)
      await live.body.cancel()
    }
    counted(`${Object.keys(bad).length} kinds of bad tokens are refused by the sync server at the edge`)
  }))

test('bodies that are no message are refused by name, and the server goes on', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const device = new Device(host.origin, token({}))
    const gzip = { 'content-encoding': 'gzip' }
    for (const [body, status, headers] of [
      ['', 400],
      ['{', 400],
      ['{"v":1}', 400],
      [`{"v":${'['.repeat(100_000)}`, 400],
      [new Uint8Array([0xff, 0xfe]), 400],
      [' '.repeat(9 << 20), 413],
      [gzipSync(Buffer.alloc(64 << 20)), 413, gzip],
      ['this is not gzip', 400, gzip],
      ['{}', 415, { 'content-encoding': 'br' }],
    ])
      for (const route of ['push', 'pull']) {
        const answer = await device.post(route, body, headers)
        assert.equal(answer.status, status, `${route} ${String(body).slice(0, 40)}`)
        assert.equal(typeof answer.error?.message, 'string')
      }
    assert.equal((await device.post('pull', { v: 99 })).kind, 'upgrade')
    assert.equal((await fetch(`${host.origin}/v1/push`)).status, 405)
    assert.equal((await fetch(`${host.origin}/v2/push`)).status, 404)
    const body = gzipSync(
      JSON.stringify({
        v: 1,
        replica: 'r',
        cursor: null,
        subscriptions: [{ c: 'notes' }],
      }),
    )
    assert.equal((await device.post('pull', body, gzip)).kind, 'page')
    const preflight = await fetch(`${host.origin}/v1/push`, {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example' },
    })
    assert.equal(preflight.headers.get('access-control-allow-origin'), null, 'no origin was allowed')
  }))

test('pages of allowed origins may call, and read the answers', () =>
  inFolder(async (data) => {
    const host = await start(data, {
      TIDEWELL_CORS: 'https://a.example, https://b.example',
    })
    const origin = async (value) => {
      const { headers } = await new Device(host.origin, token({})).post('pull', { v: 99 }, { origin: value })
      return headers.get('access-control-allow-origin')
    }
    assert.deepEqual(
      [await origin('https://b.example'), await origin('https://c.example')],
      ['https://b.example', null],
    )
  }))

test('a live stream tells that the tenant has moved, and ends with its token', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const exp = Math.floor(Date.now() / 1000) + 3
    const response = await fetch(`${host.origin}/v1/live`, {
      headers: { authorization: `Bearer ${token({ exp })}` },
    })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    let text = ''
    const read = (async () => {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) text += chunk
    })()
    await until(() => text.includes('data: 0\n'), 'the first event')
    await new Device(host.origin, token({})).push(put('a'))
    await new Device(host.origin, token({ tenant: 'u' })).push(put('a'), put('b'))
    await until(() => text.includes('data: 1\n'), 'news')
    await read
    assert.equal(text, 'event: version\ndata: 0\n\nevent: version\ndata: 1\n\n')
    assert.ok(Date.now() / 1000 >= exp - 0.1, 'not before the token does')
  }))

test('a WebSocket tells the same, and is closed when its token has expired', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const exp = Math.floor(Date.now() / 1000) + 3
    const address = `${host.origin.replace('http', 'ws')}/v1/live`
    const { WebSocket } = await import('ws')
    const socket = new WebSocket(address, ['tidewell', `bearer.${token({ exp })}`])
    const heard = []
    socket.on('message', (message) => heard.push(String(message)))
    const closed = new Promise((done) => socket.on('close', done))
    await until(() => heard.length === 1, 'the first version')
    assert.equal(socket.protocol, 'tidewell')
    await new Device(host.origin, token({})).push(put('a'))
    await until(() => heard.length === 2, 'news')
    assert.deepEqual(heard, ['0', '1'])
    await until(() => socket.readyState >= WebSocket.CLOSING, 'the end of the token')
    assert.ok(Date.now() / 1000 >= exp - 0.1, 'not before')
    // workerd keeps the connection below for another ten seconds.
    socket.terminate()
    assert.equal(await closed, 4401)
    const refused = new WebSocket(address, ['tidewell', 'bearer.x'])
    assert.match(String(await new Promise((done) => refused.on('error', done))), /401/)
  }))
