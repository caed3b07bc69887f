/**
 * Syncing over an engine and a server that a test plays: what is sent, what is handed back, what people are shown. That the real ones do
 * what they are asked is claimed elsewhere (tests/api/sync.ts, tests/browser/sync.test.mjs).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SyncOptions, SyncStatus } from '../src/sync/types.js'
import type { Answering } from './fake_server.js'
import { type Command, ok, optionsFor, PlayedEngine, scene, STATUS } from './played_engine.js'
import { until } from './until.js'

test('what the engine wants sent is sent with the token, and the answer handed back as it came', async () => {
  const engine = new PlayedEngine(['push', '{"m":1}'], ['pull', '{"p":1}'])
  await scene(
    engine,
    ({ path }) => ({ body: `{"of":"${path}"}` }),
    async ({ db, server }) => {
      db.sync(optionsFor(server))
      await until(() => engine.handed.length === 2, 'two answers')
      assert.deepStrictEqual(
        server.heard.map(({ path, token, body }) => [path, token, body]),
        [
          ['/v1/push', 'good', '{"m":1}'],
          ['/v1/pull', 'good', '{"p":1}'],
        ],
      )
      assert.deepStrictEqual(
        engine.handed.map(({ op, tag, body }) => [op, tag, body]),
        [
          ['syncAnswer', 1, '{"of":"/v1/push"}'],
          ['syncAnswer', 2, '{"of":"/v1/pull"}'],
        ],
      )
    },
  )
})

test('a large body is compressed, a small one is not', async () => {
  const large = JSON.stringify({ text: 'tide '.repeat(2000) })
  const engine = new PlayedEngine(['push', large], ['push', '{}'])
  await scene(engine, ok, async ({ db, server }) => {
    db.sync(optionsFor(server))
    await until(() => engine.handed.length === 2, 'two answers')
    assert.deepStrictEqual(
      server.heard.map(({ encoding, body }) => [encoding, body === large]),
      [
        ['gzip', true],
        [undefined, false],
      ],
    )
  })
})

test('a refused token is renewed once, and the same request goes again', async () => {
  const engine = new PlayedEngine(['pull', '{"p":1}'])
  const asked: (string | undefined)[] = []
  const getToken: SyncOptions['getToken'] = ({ refused }) => {
    asked.push(refused)
    return refused === undefined ? 'old' : 'new'
  }
  const answering: Answering = ({ token }) => (token === 'new' ? { body: { kind: 'page' } } : { status: 401 })
  await scene(engine, answering, async ({ db, server }) => {
    db.sync(optionsFor(server, { getToken }))
    await until(() => engine.of('syncAnswer').length === 1, 'an answer')
    assert.deepStrictEqual(
      [asked, server.heard.map(({ token }) => token)],
      [
        [undefined, 'old'],
        ['old', 'new'],
      ],
    )
  })
})

test('a token that stays refused pauses, says so, and goes on with another', async () => {
  const engine = new PlayedEngine(['pull', '{"p":1}'])
  const answering: Answering = ({ token }) =>
    token === 'new' ? { body: { kind: 'page' } } : { status: 401, body: '<html>' }
  await scene(engine, answering, async ({ db, server }) => {
    const sync = db.sync(optionsFor(server, { token: 'old' }))
    await until(() => sync.status.state === 'needs-auth', 'it needs a token')
    assert.equal(sync.status.lastError?.reason, 'needs-auth')
    assert.equal(engine.of('syncFailed').length, 0)
    engine.bodies.push(['pull', '{"p":2}'])
    await sync.setToken('new')
    await until(() => sync.status.state === 'live', 'it is live')
    assert.deepStrictEqual(
      engine.handed.map(({ op }) => op),
      ['syncAnswer', 'syncResume', 'syncAnswer'],
    )
    assert.equal(sync.status.lastError, undefined)
  })
})

test('no token to be had pauses; a source of tokens that fails is a failure', async () => {
  const engine = new PlayedEngine(['pull', '{"p":1}'], ['pull', '{"p":2}'])
  let times = 0
  const getToken = () => {
    if (times++ === 0) throw new Error('no network')
    return undefined
  }
  await scene(engine, ok, async ({ db, server }) => {
    const sync = db.sync(optionsFor(server, { getToken }))
    await until(() => sync.status.state === 'needs-auth', 'it needs a token')
    assert.deepStrictEqual(
      engine.handed.map(({ op }) => op),
      ['syncFailed', 'syncAnswer'],
    )
    assert.equal(server.heard.length, 0)
  })
})

for (const [about, answer, expected] of [
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '7' } }, { op: 'syncFailed', after: 7000 }],
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '2' } }, { op: 'syncFailed', after: 2000 }],
  ['500', { status: 500, body: 'oops' }, { op: 'syncFailed' }],
  ['413', { status: 413, body: '<html>' }, { op: 'syncFailed', why: 'too-large' }],
  ['408', { status: 408 }, { op: 'syncFailed', why: 'timeout' }],
  ['504', { status: 504 }, { op: 'syncFailed', why: 'timeout' }],
  ['400', { status: 400, body: { error: { code: 'invalid', message: 'bad hash' } } }, { op: 'syncFailed' }],
  [
    '503 with the answer retry',
    { status: 503, body: '{"v":1,"kind":"retry","after":9}' },
    { op: 'syncAnswer', body: '{"v":1,"kind":"retry","after":9}' },
  ],
] as const) {
  test(`${about} is handed on as ${expected.op}`, async () => {
    const engine = new PlayedEngine(['pull', '{}'])
    await scene(
      engine,
      () => answer,
      async ({ db, server }) => {
        const sync = db.sync(optionsFor(server))
        await until(() => engine.handed.length === 1, 'something is handed back')
        const { tag: _, now: __, jitter: ___, ...rest } = engine.handed[0] as Command
        assert.deepStrictEqual(rest, expected)
        if (expected.op === 'syncFailed') {
          await until(() => sync.status.state === 'offline', 'offline')
          assert.equal(sync.status.lastError?.reason, `http-${answer.status}`)
          if (about === '400') assert.match(sync.status.lastError?.message ?? '', /bad hash/)
        }
      },
    )
  })
}

test('a server that does not answer, and one that is not there, have failed', async () => {
  const engine = new PlayedEngine(['pull', '{}'])
  await scene(
    engine,
    () => undefined,
    async ({ db, server }) => {
      const sync = db.sync(optionsFor(server, { timing: { deadline: 40 } }))
      await until(() => sync.status.lastError !== undefined, 'it failed')
      assert.equal(sync.status.lastError?.reason, 'timeout')
      assert.equal(engine.of('syncFailed')[0]?.['why'], 'timeout')
      await sync.stop()
      engine.bodies.push(['pull', '{}'])
      const other = db.sync(optionsFor(server, { url: 'http://127.0.0.1:1' }))
      await until(() => other.status.lastError !== undefined, 'it failed')
      assert.equal(other.status.lastError?.reason, 'network')
    },
  )
})

test('a write that is too large even alone is said to be so, whatever else works, until it is through', async () => {
  const engine = new PlayedEngine(['push', '{"large":1}'], ['pull', '{}'])
  engine.status = { ...STATUS, pending: 1, tooLarge: 1500000 }
  const answering: Answering = ({ path }) => (path === '/v1/push' ? { status: 413 } : { body: { kind: 'page' } })
  await scene(engine, answering, async ({ db, server }) => {
    const sync = db.sync(optionsFor(server, { live: false }))
    const seen: (string | undefined)[][] = []
    sync.subscribe(({ state, lastError }) => seen.push([state, lastError?.reason]))
    await until(() => engine.handed.length === 2, 'the pull is answered')
    await until(() => sync.status.state === 'syncing', 'what comes is there')
    assert.match(sync.status.lastError?.message ?? '', /1500000 bytes/)
    assert.deepStrictEqual([sync.status.lastError?.reason, sync.status.pending], ['too-large', 1])
    assert.ok(seen.some(([state, reason]) => state === 'offline' && reason === 'too-large'))
    engine.status = { ...STATUS }
    engine.bodies.push(['pull', '{}'])
    await sync.now()
    assert.equal(sync.status.lastError, undefined)
  })
})

test('an answer that never ends is given up when it is late, and when syncing stops', { timeout: 20_000 }, async () => {
  const engine = new PlayedEngine(['pull', '{}'])
  await scene(engine, ok, async ({ db, server }) => {
    const real = globalThis.fetch
    let begun = 0
    // Such a body comes from Node 20, whose `fetch` forgets the signal once the last bytes are on their way.
    globalThis.fetch = async () => {
      begun++
      return new Response(new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode('{')) }))
    }
    try {
      const sync = db.sync(optionsFor(server, { timing: { deadline: 40 } }))
      await until(() => sync.status.lastError !== undefined, 'it failed')
      assert.equal(sync.status.lastError?.reason, 'timeout')
      await sync.stop()
      const before = begun
      engine.bodies.push(['pull', '{}'])
      const other = db.sync(optionsFor(server))
      await until(() => begun > before, 'it asked')
      await other.stop()
    } finally {
      globalThis.fetch = real
    }
  })
})

test('a write that is kept for the server wakes the connection, and is shown', async () => {
  const engine = new PlayedEngine()
  await scene(engine, ok, async ({ db, server, tell }) => {
    const sync = db.sync(optionsFor(server))
    await sync.ready
    await new Promise((resolve) => setTimeout(resolve, 20))
    const seen: SyncStatus[] = []
    sync.subscribe((status) => seen.push(status))
    engine.bodies.push(['push', '{"m":1}'])
    tell({ kind: 'sync', position: 1, own: true, pending: 1, letters: 0 })
    assert.deepStrictEqual(
      seen.map(({ pending }) => pending),
      [1],
    )
    await until(() => server.heard.length === 1, 'pushed')
  })
})

test('now waits for a round that begins after it, and fails with the round', async () => {
  const engine = new PlayedEngine()
  let status = 200
  await scene(
    engine,
    () => ({ status, body: '{}' }),
    async ({ db, server }) => {
      const sync = db.sync(optionsFor(server))
      await sync.ready
      engine.bodies.push(['pull', '{"p":1}'])
      assert.equal((await sync.now()).state, 'live')
      status = 500
      engine.bodies.push(['pull', '{"p":2}'])
      await assert.rejects(sync.now(), { code: 'unavailable', reason: 'http-500' })
      await assert.rejects(sync.now({ signal: AbortSignal.abort() }), { code: 'aborted' })
      await sync.stop()
      await assert.rejects(sync.now(), { code: 'closed' })
    },
  )
})

test('now while a pull is on its way waits for another one, which is begun at once', async () => {
  const engine = new PlayedEngine(['pull', '{"p":1}'])
  let answers = 0
  await scene(
    engine,
    () => (answers++ === 0 ? { body: '{}', late: 100 } : { body: '{}' }),
    async ({ db, server }) => {
      const sync = db.sync(optionsFor(server))
      await until(() => server.heard.length === 1, 'it is on its way')
      const now = sync.now()
      await until(() => engine.of('syncAnswer').length === 1, 'it is answered')
      await until(() => engine.of('syncPoke').length === 2, 'another is asked for')
      engine.bodies.push(['pull', '{"p":2}'])
      await sync.now()
      await now
    },
  )
})

test('a function that decides about conflicts is asked about each once, and what it says is done', async () => {
  const engine = new PlayedEngine(['pull', '{"p":1}'], ['pull', '{"p":2}'])
  const letter = (id: string, code: string) => ({
    id,
    code,
    reason: 'x',
    ops: [{ c: 'notes', id: 'n', if: 2, update: { $set: { a: 1 } } }],
    documents: [{ id: 'n', a: 0 }],
  })
  engine.letters = [letter('one', 'version'), letter('two', 'forbidden'), letter('three', 'version')]
  engine.status.letters = 3
  const asked: unknown[] = []
  const conflict: SyncOptions['conflict'] = (refused, documents) => {
    asked.push([refused.id, refused.ops[0], documents])
    return refused.id === 'one' ? [{ collection: 'notes', id: 'n', update: { $set: { a: 2 } } }] : null
  }
  await scene(engine, ok, async ({ db, fake, server }) => {
    db.sync(optionsFor(server, { conflict }))
    await until(() => engine.of('syncAnswer').length === 2 && engine.of('syncRetry').length === 2, 'two rounds')
    const op = { collection: 'notes', id: 'n', ifVersion: 2, update: { $set: { a: 1 } } }
    const documents = [{ id: 'n', a: 0 }]
    // The played engine keeps the letter that was decided about; the one that was left is not asked about again.
    assert.deepStrictEqual(asked, [
      ['one', op, documents],
      ['three', op, documents],
      ['one', op, documents],
    ])
    assert.deepStrictEqual(engine.of('syncRetry')[0], {
      op: 'syncRetry',
      id: 'one',
      ops: [{ c: 'notes', id: 'n', update: { $set: { a: 2 } } }],
    })
    const opening = fake.asked.find(({ op: name }) => name === 'syncOpen')
    assert.deepStrictEqual(opening?.['collections'], [{ name: 'notes', conflict: 'if_version' }])
  })
})

test('letters and the outbox speak of collections, not of the wire', async () => {
  const engine = new PlayedEngine()
  engine.letters = [
    { id: 'one', code: 'forbidden', reason: 'no', ops: [{ c: 'notes', id: 'n', put: { id: 'n' } }], documents: [null] },
  ]
  await scene(engine, ok, async ({ db, server }) => {
    const sync = db.sync(optionsFor(server))
    assert.deepStrictEqual(await sync.outbox(), [
      { seq: 1, id: 'm', ops: [{ collection: 'notes', id: 'n', ifVersion: 3, remove: true }], answered: false },
    ])
    const [letter] = await sync.deadLetters()
    assert.deepStrictEqual(letter?.ops, [{ collection: 'notes', id: 'n', put: { id: 'n' } }])
    await letter?.retry()
    await letter?.edit([{ collection: 'notes', id: 'n', ifVersion: 4, remove: true }])
    await letter?.discard()
    await assert.rejects(letter?.edit([]) ?? Promise.resolve(), { code: 'invalid' })
    await assert.rejects(letter?.edit([{ collection: 'notes', id: 'n' } as never]) ?? Promise.resolve(), {
      code: 'invalid',
    })
    assert.deepStrictEqual(engine.handed, [
      { op: 'syncRetry', id: 'one' },
      { op: 'syncRetry', id: 'one', ops: [{ c: 'notes', id: 'n', if: 4, remove: true }] },
      { op: 'syncDiscard', id: 'one' },
    ])
  })
})

test('bad options are refused, and say what was wrong', async () => {
  const bad: [unknown, RegExp][] = [
    [undefined, /options must be an object/],
    [{ url: 'http://x', collections: ['n'] }, /token or getToken/],
    [{ url: 'http://x', collections: ['n'], token: 'a', getToken: () => 'b' }, /token or getToken/],
    [{ url: 'http://x', collections: ['n'], token: 'a\n' }, /token must be a string/],
    [{ url: 'nowhere', collections: ['n'], token: 'a' }, /url must be an address/],
    [{ url: 'ftp://x', collections: ['n'], token: 'a' }, /url must be an address/],
    [{ url: 'http://x', collections: [], token: 'a' }, /collections must be an array/],
    [{ url: 'http://x', collections: [null], token: 'a' }, /collections\[0\]/],
    [{ url: 'http://x', collections: ['n', { name: 'n' }], token: 'a' }, /"n" is there twice/],
    [{ url: 'http://x', collections: [{ name: 'n', filter: 1 }], token: 'a' }, /collections\[0\]\.filter/],
    [{ url: 'http://x', collections: ['n'], token: 'a', conflict: 'mine' }, /conflict must be/],
    [{ url: 'http://x', collections: ['n'], token: 'a', schema: -1 }, /schema must be/],
    [{ url: 'http://x', collections: ['n'], token: 'a', timing: { poll: 0 } }, /timing\.poll must be/],
    [{ url: 'http://x', collections: ['n'], token: 'a', background: '' }, /background must be/],
    [{ url: 'http://x', collections: ['n'], token: 'a', attachments: 'n' }, /attachments must be true/],
    [{ url: 'http://x', collections: ['n'], token: 'a', attachments: ['m'] }, /"m" is not among the collections/],
  ]
  await scene(new PlayedEngine(), ok, async ({ db, errors }) => {
    for (const [options, message] of bad) {
      const sync = db.sync(options as SyncOptions)
      await assert.rejects(sync.ready, { code: 'invalid', message })
      await sync.stop()
      assert.match(errors.pop()?.message ?? '', message)
    }
  })
})

test('a database is synced by one at a time; what stops it leaves room for another', async () => {
  const engine = new PlayedEngine()
  await scene(engine, ok, async ({ db, fake, server }) => {
    const stop = new AbortController()
    const sync = db.sync(optionsFor(server, { signal: stop.signal }))
    assert.throws(() => db.sync(optionsFor(server)), { code: 'invalid', reason: 'already-syncing' })
    await sync.ready
    stop.abort()
    await using again = db.sync(optionsFor(server))
    await again.ready
    await sync.stop({ forget: true })
    const order = fake.asked
      .map(({ op, forget }) => (forget === true ? 'forget' : op))
      .filter((op) => op !== 'syncNext')
    assert.deepStrictEqual(order, ['syncStatus', 'syncOpen', 'syncClose', 'syncStatus', 'syncOpen', 'forget'])
  })
})

test('an engine that fails for a while is asked again; one that is dead is not', async () => {
  const engine = new PlayedEngine(['pull', '{}'])
  let failures: string[] = ['quota']
  const script = (command: Command) => {
    const code = command['op'] === 'syncNext' ? failures.shift() : undefined
    if (code !== undefined) throw Object.assign(new Error(`it is ${code}`), { code })
    return engine.script(command)
  }
  await scene(
    Object.assign(Object.create(PlayedEngine.prototype) as PlayedEngine, engine, { script }),
    ok,
    async ({ db, server, errors }) => {
      const sync = db.sync(optionsFor(server))
      await until(() => sync.status.lastError?.code === 'quota', 'it says so')
      await until(() => sync.status.state === 'live', 'it goes on')
      failures = ['internal']
      await assert.rejects(sync.now(), { code: 'internal' })
      assert.deepStrictEqual(
        errors.map(({ message }) => message),
        ['it is internal'],
      )
    },
  )
})

test('what another tab has forgotten is not synced any longer', async () => {
  const engine = new PlayedEngine()
  await scene(engine, ok, async ({ db, fake, server, tell, errors }) => {
    const sync = db.sync(optionsFor(server))
    await sync.ready
    engine.status = { ...engine.status, state: 'off' }
    tell({ kind: 'sync', reset: true })
    await until(() => sync.status.lastError?.code === 'closed', 'it has ended')
    await until(() => fake.asked.at(-1)?.['op'] === 'syncClose', 'and closed its link')
    assert.deepStrictEqual(errors, [])
    await assert.rejects(sync.now(), { code: 'closed' })
  })
})
