/** The live stream over an engine and a server that a test plays: what the engine is asked when the server tells of a version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
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
