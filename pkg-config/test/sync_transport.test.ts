/** What requests do when what they wait for does not come. What they say, and when, is claimed in sync.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tokens, Transport } from '../src/sync/transport.js'
import { fakeServer } from './fake_server.js'

test(
  'a browser that does not answer about its locks makes a request late, and nothing is sent',
  { timeout: 5_000 },
  async () => {
    const server = await fakeServer(() => ({}))
    try {
      const tokens = new Tokens({ url: server.url, token: 'good', collections: ['notes'] }, 40)
      const transport = new Transport({ url: server.url, deadline: 40, silence: 100, live: false }, tokens)
      const reply = await transport.post('push', '{}', new AbortController().signal, () => new Promise(() => undefined))
      assert.ok(reply.kind === 'failed' && reply.why === 'timeout')
      assert.deepStrictEqual(server.heard, [])
    } finally {
      await server.close()
    }
  },
)
