// A database in a Durable Object on real workerd: everything works there, outlives the object, and alarms do what timers do elsewhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, inFolder, ran, serve, until } from './support/host.mjs'

const CLASSES = { SCENARIO: 'Scenario', KEEPER: 'Keeper' }
const start = (data) => serve('database', data, CLASSES)

test('documents, indexes, search, cache and live queries work in an object, and are there when it is opened again', () =>
  inFolder(async (data) => {
    let host = await start(data)
    const seen = await host.ask('scenario/a')
    assert.deepEqual(
      { kind: seen.kind, before: seen.before, reopened: seen.reopened },
      { kind: 'durable-object', before: 0, reopened: ['n2', 'n1'] },
    )
    assert.deepEqual([seen.found, seen.cached, seen.live], [['n1', 'n2'], { pulls: true }, ['Flood plains']])
    await host.stop()
    host = await start(data)
    assert.equal((await host.ask('scenario/a')).before, 3)
    assert.equal((await host.ask('scenario/b')).before, 0, 'objects see nothing of each other')
    await host.stop()
  }))

test('an object opens its database once, quickly, and keeps large commits', () =>
  inFolder(async (data) => {
    const host = await start(data)
    await host.ask('keeper/warm/state')
    const opened = []
    for (let at = 0; at < 5; at++) {
      const begun = performance.now()
      await host.ask(`keeper/new${at}/state`)
      const between = performance.now()
      await host.ask(`keeper/new${at}/state`)
      opened.push(between - begun - (performance.now() - between))
    }
    counted(
      `a new object answers its first request ${Math.round(opened.sort((a, b) => a - b)[2])} ms later than its second (median of 5)`,
    )
    assert.equal(await host.ask('keeper/a/twice'), 'unavailable')
    // One commit of about 5 MB: more than a row may hold.
    for (const durability of ['relaxed', 'strict'])
      await host.ask(
        `keeper/a/put?from=${durability === 'strict' ? 5000 : 0}&count=5000&size=1000&durability=${durability}`,
      )
    const state = await host.ask('keeper/a/state')
    assert.deepEqual(state, {
      kind: 'durable-object',
      count: 10000,
      tagged: 1429,
      found: 5,
    })
    await host.stop()
    const again = await start(data)
    const begun = performance.now()
    assert.deepEqual(await again.ask('keeper/a/state'), state)
    counted(
      `10,000 documents of 1 KB: the first request after a restart took ${Math.round(performance.now() - begun)} ms`,
    )
    await again.stop()
  }))

test('storage that is emptied under the database is reported, not filled again', () =>
  inFolder(async (data) => {
    const host = await start(data)
    await host.ask('keeper/a/put?from=0&count=10')
    assert.equal(await host.ask('keeper/a/emptied'), 'storage-lost')
  }))

test('an object with more data than its memory budget stays far below the memory of an isolate', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const [batch, batches, size] = [2000, 5, 2000]
    for (let at = 0; at < batches; at++) await host.ask(`keeper/a/put?from=${at * batch}&count=${batch}&noise=${size}`)
    const { count } = await host.ask('keeper/a/state')
    assert.equal(count, batch * batches)
    const bytes = await host.ask('keeper/a/memory')
    counted(
      `${(batch * batches * size) / 1e6} MB of random documents in an object: ${Math.round(bytes / 1e6)} MB of WebAssembly memory`,
    )
    assert.ok(bytes < 72e6, `${bytes} bytes`)
  }))

// workerd frees a message port that only its other end knows of: what was posted to it was lost, or the process with it.
test('work that gives the thread back goes on after memory was cleared', () =>
  inFolder(async (data) => {
    const host = await start(data)
    assert.equal(await host.ask('keeper/a/garbage', { signal: AbortSignal.timeout(30_000) }), 2000)
  }))

test('workerd killed under writes loses nothing that was acknowledged', () =>
  inFolder(async (data) => {
    let acknowledged = 0
    let next = 0
    for (let round = 0; round < 3; round++) {
      const host = await start(data)
      if (round > 0) assert.ok((await host.ask('keeper/a/state')).count >= acknowledged)
      const known = new Set(await host.ask('keeper/a/ids'))
      for (let at = 0; at < acknowledged; at++) assert.ok(known.has(`n${at}`), `n${at} of ${acknowledged} is lost`)
      let isDead = false
      const writer = (async () => {
        while (!isDead) {
          // Only a prefix counts as acknowledged: writes follow one another.
          const from = next++
          try {
            await host.ask(`keeper/a/put?from=${from}&durability=${from % 2 === 0 ? 'relaxed' : 'strict'}`)
            acknowledged = from + 1
          } catch {
            next = from
            return
          }
        }
      })()
      // At a moment of its own, and on a busy machine not before something was written.
      const wanted = acknowledged + 20
      await new Promise((done) => setTimeout(done, 250 + round * 130))
      await until(() => acknowledged >= wanted, 'twenty writes')
      await host.kill()
      isDead = true
      await writer
    }
    const host = await start(data)
    const known = new Set(await host.ask('keeper/a/ids'))
    for (let at = 0; at < acknowledged; at++) assert.ok(known.has(`n${at}`), `n${at} of ${acknowledged} is lost`)
    await host.stop()
    ran('Durable Objects on workerd', 'a database, killed 3 times', `all of ${acknowledged} acknowledged writes are there`)
  }))

test('delayed messages, retries and what a dead object held reach their handler by alarms', () =>
  inFolder(async (data) => {
    let host = await start(data)
    await host.ask('keeper/a/publish?id=now&delay=0&fails=0')
    await host.ask('keeper/a/publish?id=again&delay=0&fails=2')
    await host.ask('keeper/a/publish?id=soon&delay=300&fails=0')
    const due = (await host.ask('keeper/a/publish?id=late&delay=2500&fails=0')) + 2500
    const done = async () => new Map((await host.ask('keeper/a/done')).done.map((one) => [one.id, one]))
    await until(async () => (await done()).size === 3, 'three messages are handled')
    assert.deepEqual([(await done()).get('again').deliveries, (await done()).get('now').deliveries], [3, 1])
    assert.ok((await host.ask('keeper/a/alarm')) <= due + 50, 'the alarm is set for what is due')
    await host.kill()
    // Nobody asks the object for anything: the alarm alone wakes it.
    host = await start(data)
    await new Promise((wait) => setTimeout(wait, Math.max(0, due - Date.now()) + 1500))
    const late = (await done()).get('late')
    assert.ok(late !== undefined && late.at >= due - 20 && late.at < due + 1500, `handled at ${late?.at - due} ms`)
    const { errors, alarms } = await host.ask('keeper/a/done')
    assert.deepEqual(errors, [])
    assert.ok(alarms >= 1)
    const after = `a message due after a kill was handled ${Math.max(0, late.at - due)} ms after its time`
    ran('Durable Objects on workerd', 'topics, woken by alarms', after)
    await host.stop()
  }))

test('a cron expression goes on after the object was gone', () =>
  inFolder(async (data) => {
    let host = await start(data)
    const { done } = await host.ask('keeper/a/done')
    assert.equal(done.length, 0)
    assert.deepEqual(await host.ask('keeper/a/cron'), [])
    await until(async () => (await host.ask('keeper/a/done')).done.length === 1, 'the first time')
    await host.stop()
    host = await start(data)
    await until(async () => (await host.ask('keeper/a/alarm')) !== null, 'the next time is set')
    await host.stop()
  }))

test('a job runs a few slices in each alarm, and goes on after workerd was killed', () =>
  inFolder(async (data) => {
    let host = await start(data)
    await host.ask('keeper/a/put?from=0&count=400')
    const begun = await host.ask('keeper/a/begin')
    assert.equal(begun.state, 'running')
    assert.ok(begun.rows > 0 && begun.rows < 400, `${begun.rows} rows in the first event`)
    await host.kill()
    host = await start(data)
    const over = await until(async () => {
      const seen = await host.ask('keeper/a/job')
      return seen.status.state === 'done' && seen
    }, 'the job is done')
    assert.deepEqual([over.status.rows, over.words], [400, 403])
    assert.ok(over.alarms > 2, `${over.alarms} alarms`)
    assert.ok(over.pages < 400, 'what was done before the kill was not done again')
    const how = `400 documents took ${over.alarms} alarms after a kill, which mapped ${over.pages} of them`
    ran('Durable Objects on workerd', 'a job, over alarms', how)
    await host.stop()
  }))
