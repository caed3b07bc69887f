// What the platform allows and workerd does not enforce, and what becomes of an object that is ended, left alone, or woken by its alarm.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Device, SECRET, token } from './support/device.mjs'
import { children, counted, IDLE_MS, inFolder, serve, until } from './support/host.mjs'

/** A row, in bytes: 2 MB, which are no MiB. */
const ROW_MAX = 2_000_000
/** CPU time of one event. */
const EVENT_MS = 30_000
/** What a worker may take before its first event. */
const START_UP_MS = 1000
const CLASSES = { ROOMS: 'Room', TENANTS: 'Tenant' }
const start = (data) => serve('bounds', data, CLASSES, { bindings: { TIDEWELL_SECRET: SECRET } })

test('no row of a database is larger than the platform allows, however large its documents are', () =>
  inFolder(async (data) => {
    const host = await start(data)
    // The largest there may be, six in one commit; and attachments.
    const seen = []
    for (const wanted of ['document=780000', 'document=780000&count=3&size=5000000']) {
      await host.ask(`room/a/noise?${wanted}`)
      seen.push(await host.ask('room/a/rows'))
    }
    for (const { largest, rows } of seen)
      assert.ok(rows > 50 && largest > 50_000 && largest < ROW_MAX, JSON.stringify(seen))
    const largest = Math.max(...seen.map((one) => one.largest))
    counted(`documents of 1 MiB and attachments of 5 MB in an object: no row is larger than ${largest} bytes`)
  }))

test('no row of a tenant is larger than the platform allows, however large documents and mutations are', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const device = new Device(host.origin, token({}))
    // Two bytes and three for a letter, and quotes, which JSON makes two of.
    const bodies = ['x', 'é', '€', '"'].map((sign) => {
      const each = Buffer.byteLength(JSON.stringify(sign)) - 2
      return sign.repeat(Math.floor(((1 << 20) - 200) / each))
    })
    for (const [at, text] of bodies.entries())
      await device.push([{ c: 'notes', id: `n${at}`, put: { id: `n${at}`, text } }])
    const pulled = await new Device(host.origin, token({ sub: 'bob' })).pull()
    assert.deepEqual(
      bodies.map((text, at) => pulled.get(`n${at}`)?.text === text),
      bodies.map(() => true),
    )
    // As many ops as a mutation may have: what is recorded of it is a row, too.
    const ids = Array.from({ length: 1000 }, (_, at) => `${at}${'i'.repeat(100)}`)
    await device.push(ids.map((id) => ({ c: 'notes', id, put: { id } })))
    const { largest, rows } = await host.ask('rows')
    assert.ok(rows > 1000 && largest > 1e6 && largest < ROW_MAX, JSON.stringify({ largest, rows }))
    counted(`documents of 1 MiB in a tenant: no row is larger than ${largest} bytes`)
  }))

test('an object that is ended by ctx.abort opens its database again, with all that was acknowledged', () =>
  inFolder(async (data) => {
    const host = await start(data)
    await host.ask('room/a/words?from=0&count=10')
    await assert.rejects(host.ask('room/a/abort'))
    const held = await host.ask('room/a/count')
    assert.ok(held === 11 || held === 12, `${held} documents`)
    assert.equal(await host.ask('made/a'), 2)
    await host.ask('room/a/words?from=10&count=10')
    assert.equal(await host.ask('room/a/count'), held + 10)
  }))

test('a cron expression wakes its object every time, whether it was killed or not', () =>
  inFolder(async (data) => {
    let host = await start(data)
    await host.ask('room/a/cron')
    const begun = Date.now()
    // Nobody asks the object for anything.
    await pause(3500)
    const first = await host.ask('room/a/done')
    assert.ok(first.done.length >= 2 && first.alarms >= 2, JSON.stringify(first))
    await host.kill()
    host = await start(data)
    await pause(3500)
    const second = await host.ask('room/a/done')
    assert.ok(second.done.length >= first.done.length + 2, JSON.stringify(second))
    assert.deepEqual([first.errors, second.errors], [[], []])
    const most = (Date.now() - begun) / 1000 + 1
    assert.ok(second.done.length <= most, `${second.done.length} in ${most} s`)
    counted(`a cron expression of every second: handled ${second.done.length} times in ${Math.round(most)} s, over a kill`)
  }))

test('a second after its last commit a database has no timer left that would keep its object in memory', () =>
  inFolder(async (data) => {
    const host = await start(data)
    await host.ask('room/a/words?from=0&count=10')
    const { waited } = await until(async () => {
      const seen = await host.ask('timers')
      return seen.waited > 0 && seen.pending === 0 && seen
    }, 'no timer is left')
    // The quiet second that housekeeping waits for, and what a commit during it adds.
    assert.ok(waited < 1500, `timers of ${waited} ms`)
  }))

test('a database is taken out of memory with its object, and its alarm brings it back', () =>
  inFolder(async (data) => {
    const host = await start(data)
    const rooms = ['idle', 'due', 'scheduled']
    for (const room of rooms) await host.ask(`room/${room}/words?from=0&count=10`)
    await host.ask(`room/due/delay?ms=${IDLE_MS + 2000}`)
    const made = () => Promise.all(rooms.map((room) => host.ask(`made/${room}`)))
    assert.deepEqual(await made(), [1, 1, 1])
    await pause(IDLE_MS)
    assert.equal(await host.ask('room/idle/count'), 10)
    assert.equal(await host.ask('made/idle'), 2, 'the object was in memory all the time')
    // Nobody asks the others.
    await until(async () => (await made()).every((times) => times === 2), 'alarms make the objects')
    const { done } = await until(async () => {
      const seen = await host.ask('room/due/done')
      return seen.done.length > 0 && seen
    }, 'the message is handled')
    assert.equal(done.length, 1)
    await until(async () => (await host.ask('room/scheduled/ticks')).ticks === 10, 'the scheduled job has run')
    assert.deepEqual((await host.ask('room/scheduled/ticks')).errors, [])
    counted('an object with a database was evicted after ten seconds, and made anew by a request, and by its alarm')
  }))

test('what a worker does before its first event, and a job in one event, stay far below what the platform allows', () =>
  inFolder(async (data) => {
    const host = await start(data)
    await host.ask('made/nobody')
    const began = cpu()
    // With all that workerd itself does at its start.
    assert.ok(began < START_UP_MS, `${began} ms of CPU before the first answer`)
    const [notes, batch] = [4000, 2000]
    for (let from = 0; from < notes; from += batch) await host.ask(`room/a/words?from=${from}&count=${batch}`)
    const before = cpu()
    assert.equal((await host.ask('room/a/begin')).state, 'running')
    const event = cpu() - before
    assert.ok(event < EVENT_MS / 3, `${event} ms of CPU in one event`)
    const over = await until(
      async () => {
        await pause(1000)
        // workerd may close a connection that comes while it computes.
        const seen = await host.ask('room/a/job').catch(() => undefined)
        return seen?.status.state === 'done' && seen
      },
      'the job is done',
      120,
    )
    assert.equal(over.status.rows, notes)
    const each = Math.round((cpu() - before) / (over.alarms + 1))
    assert.ok(each < EVENT_MS / 3, `${each} ms of CPU in an event on average`)
    counted(
      `CPU of workerd: ${began} ms until a worker with both entries answers; a job over ${notes} documents of 150 words ${event} ms in its ` +
        `first event of 20 slices, ${each} ms in each of ${over.alarms + 1}`,
    )
  }))

/** CPU time that workerd has taken, in milliseconds. */
function cpu() {
  const TICK_MS = 10
  const [used] = children()
    .filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'workerd')
    .map((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    .map((line) => line.slice(line.lastIndexOf(')') + 2).split(' '))
    .map((fields) => (Number(fields[11]) + Number(fields[12])) * TICK_MS)
  return used
}
