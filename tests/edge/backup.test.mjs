// Backups of one tenant in a Durable Object: streamed out and in while devices work, restored in a new epoch, refused when they are damaged.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Device, SECRET, token } from './support/device.mjs'
import { counted, inFolder, ran, until } from './support/host.mjs'
import { ADMIN, edited, start, withDevices } from './support/operator.mjs'

const put = (id, doc = {}) => [{ c: 'notes', id, put: { id, ...doc } }]

test('a tenant that is put back to a backup gets back what its devices hold, and doubles nothing', () =>
  inFolder(async (data) => {
    const server = await start(data)
    await withDevices(server, ['ann', 'bob'], async (ann, bob) => {
      await ann.notes.insert({ id: 'x', n: 1 })
      await ann.notes.insert({ id: 'removed' })
      await ann.sync.now()
      await bob.sync.now()
      const backup = await server.backup()
      await ann.notes.update('x', { $inc: { n: 7 } })
      await ann.notes.delete('removed')
      await bob.notes.insert({ id: 'y', n: 0 })
      await ann.sync.now()
      await bob.sync.now()
      await ann.sync.now()
      await ann.sync.stop()
      const restored = await server.restore(backup)
      assert.deepEqual([restored.status, restored.documents, restored.mutations], [200, 2, 2], JSON.stringify(restored))
      assert.ok(restored.version > 2 ** 32, 'versions jump')
      // Bob is there all the time, and hears of it by himself; Ann comes back.
      ann.again()
      await until(async () => {
        const seen = await new Device(server.origin, token({ sub: 'eve' })).pull()
        return seen.get('x')?.n === 8 && seen.get('y')?.n === 0 && seen.size === 2
      }, 'what was acknowledged after the backup')
      const wanted = [
        { id: 'x', n: 8 },
        { id: 'y', n: 0 },
      ]
      for (const { notes, sync } of [ann, bob]) {
        await sync.now()
        assert.deepEqual(await notes.find({}, { sort: { id: 1 } }).toArray(), wanted)
        assert.deepEqual(await sync.deadLetters(), [])
      }
      // The same backup once more: no version is told twice.
      const twice = await server.restore(backup)
      assert.ok(twice.version > restored.version + 2 ** 31, 'versions only go up')
    })
    ran('Durable Objects on workerd', 'a tenant, restored', 'what was acknowledged after the backup is back, once')
  }))

test('a backup that does not fit beside its tenant is refused as such, and the tenant goes on', () =>
  inFolder(async (data) => {
    const spacious = await start(join(data, 'spacious'))
    const text = 'x'.repeat(20_000)
    const writer = new Device(spacious.origin, token({}))
    for (let from = 0; from < 300; from += 100)
      await writer.push(...Array.from({ length: 100 }, (_, at) => put(`n${from + at}`, { text })))
    const backup = await spacious.backup()
    const server = await start(join(data, 'full'), {}, 'full')
    const device = new Device(server.origin, token({}))
    await device.push(put('a', { n: 1 }))
    const { status, error } = await server.restore(backup)
    assert.deepEqual([status, error?.code], [507, 'quota'], JSON.stringify(error))
    await device.push(put('b', { n: 2 }))
    const pulled = await new Device(server.origin, token({ sub: 'bob' })).pull()
    assert.deepEqual([...pulled.keys()].sort(), ['a', 'b'])
    assert.equal((await server.restore(gzipSync(await server.backup()), 'tenant=t', { 'content-encoding': 'gzip' })).status, 200)
  }))

test('a backup holds one moment, whatever is pushed while it is read', () =>
  inFolder(async (data) => {
    const server = await start(data, {}, 'paused')
    const writer = new Device(server.origin, token({}))
    const text = 'x'.repeat(2000)
    for (let from = 0; from < 1000; from += 500)
      await writer.push(...Array.from({ length: 500 }, (_, at) => put(`n${from + at}`, { n: 1, text })))
    await server.host.ask('begin')
    const other = new Device(server.origin, token({ sub: 'bob' }))
    await other.push(...Array.from({ length: 100 }, (_, at) => put(`n${at * 10}`, { n: 2 })))
    await other.push(put('new'), [{ c: 'notes', id: 'n1', remove: true }])
    await other.push([{ c: 'notes', id: 'n1', update: { $set: { n: 3 } } }])
    const { pieces, text: backup } = await server.host.ask('rest')
    assert.ok(pieces > 6, `${pieces} pieces`)
    assert.equal(backup.split('\n').length, 1 + 1000 + 1000 + 1 + 1)
    const restored = await server.restore(backup)
    assert.deepEqual([restored.documents, restored.mutations], [1000, 1000], JSON.stringify(restored))
    const seen = await new Device(server.origin, token({ sub: 'eve' })).pull()
    assert.ok(seen.size === 1000 && [...seen.values()].every(({ n }) => n === 1))
    // What a compaction takes away, or a restore, cannot be read any more.
    for (const care of [() => server.ask('POST', 'compact?tenant=t&keep=0'), () => server.restore(backup)]) {
      await server.host.ask('begin')
      await writer.push(put('n999', { n: 2 }))
      assert.equal((await care()).status, 200)
      const { code, message } = await server.host.ask('rest')
      assert.deepEqual([code, /take another/.test(message)], ['conflict', true], message)
    }
  }))

test('a tenant of some size is restored from a compressed backup', () =>
  inFolder(async (data) => {
    const server = await start(data)
    const writer = new Device(server.origin, token({}))
    const DOCUMENTS = 2500
    for (let from = 0; from < DOCUMENTS; from += 500)
      await writer.push(
        ...Array.from({ length: 500 }, (_, at) => put(`n${from + at}`, { text: randomBytes(1000).toString('hex') })),
      )
    const backup = await server.backup()
    const [packed, began] = [gzipSync(backup), performance.now()]
    const restored = await server.restore(packed, 'tenant=t', { 'content-encoding': 'gzip' })
    const took = Math.round(performance.now() - began)
    assert.deepEqual([restored.documents, restored.mutations], [DOCUMENTS, DOCUMENTS], JSON.stringify(restored))
    const [, ...before] = backup.toString().split('\n')
    const [, ...after] = (await server.backup()).toString().split('\n')
    assert.deepEqual(after.slice(0, -2), before.slice(0, -2), 'a backup of what was restored is the same')
    counted(
      `a tenant of ${DOCUMENTS} documents, ${Math.round(backup.length / 2 ** 20)} MiB, restored at the edge in ${took} ms`,
    )
  }))

test('a server that is killed in the middle of a restore has the tenant as it was, and takes the backup then', () =>
  inFolder(async (data) => {
    const server = await start(data)
    const writer = new Device(server.origin, token({}))
    const text = 'x'.repeat(4000)
    for (let from = 0; from < 2000; from += 500)
      await writer.push(...Array.from({ length: 500 }, (_, at) => put(`n${from + at}`, { text })))
    const backup = await server.backup()
    await writer.push(put('later'))
    const upload = new TransformStream()
    const half = server.restore(upload.readable, 'tenant=t', {}, { duplex: 'half' }).then(
      () => 'answered',
      () => 'broken off',
    )
    const sending = upload.writable.getWriter()
    // More than what is written at once.
    await sending.write(backup.subarray(0, 6 << 20))
    const second = await server.restore(backup)
    assert.deepEqual([second.status, second.error?.code], [409, 'conflict'])
    // The tenant goes on meanwhile.
    assert.equal((await writer.push(put('meanwhile'))).results[0].outcome, 'applied')
    await server.host.kill()
    assert.equal(await half, 'broken off')
    const again = await start(data)
    const seen = await new Device(again.origin, token({})).pull()
    assert.deepEqual([seen.size, seen.has('later'), seen.has('meanwhile')], [2002, true, true])
    const { documents, mutations } = await again.restore(backup)
    assert.deepEqual([documents, mutations], [2000, 2000])
    assert.equal((await new Device(again.origin, token({})).pull()).size, 2000)
  }))

test('a backup that is damaged, cut off, foreign or of another tenant is refused by name, and the tenant is as it was', () =>
  inFolder(async (data) => {
    const server = await start(data)
    const ann = new Device(server.origin, token({}))
    await ann.push(put('a', { text: 'ebb' }), put('b'))
    const backup = await server.backup()
    await ann.push(put('c'))
    assert.equal(
      edited(backup, (all) => all),
      backup.toString(),
    )
    const lines = backup.toString().split('\n')
    const flipped = Buffer.from(backup)
    flipped[backup.indexOf('ebb')] ^= 1
    const image = (change) => edited(backup, (all) => all.map((line) => ('image' in line ? change(line) : line)))
    const bad = {
      'no byte': [new Uint8Array(), 'invalid'],
      'no backup': ['{"tidewell":"export","format":1,"position":7,"collections":0}\n', 'invalid'],
      'no text': [new Uint8Array([0xff, 0xfe, 0x0a]), 'invalid'],
      'a line without an end': [new Uint8Array(9 << 20), 'invalid'],
      'a newer format': [edited(backup, ([head, ...rest]) => [{ ...head, format: 2 }, ...rest]), 'invalid'],
      'another tenant': [edited(backup, ([head, ...rest]) => [{ ...head, tenant: 'u' }, ...rest]), 'invalid'],
      'a flipped bit': [flipped, 'corrupt'],
      'a lost line': [lines.filter((_, at) => at !== 1).join('\n'), 'corrupt'],
      'a lost end': [lines.slice(0, -2).join('\n') + '\n', 'corrupt'],
      'a cut end': [backup.subarray(0, -2), 'corrupt'],
      'something behind the end': [`${backup}${lines[1]}\n`, 'corrupt'],
      'a cut gzip': [gzipSync(backup).subarray(0, -20), 'corrupt', { 'content-encoding': 'gzip' }],
      'no gzip': [backup, 'corrupt', { 'content-encoding': 'gzip' }],
      'a line that is there twice': [edited(backup, ([head, one, ...rest]) => [head, one, one, ...rest]), 'corrupt'],
      'an unknown line': [edited(backup, (all) => [...all, { image: 'a' }]), 'corrupt'],
      'a document that is none': [image(({ image: row }) => ({ image: row.with(5, '[') })), 'corrupt'],
      'a document of another id': [image(({ image: row }) => ({ image: row.with(1, 'z') })), 'corrupt'],
      'a version that was never reached': [image(({ image: row }) => ({ image: row.with(2, 9) })), 'corrupt'],
      'a version that is no number': [image(({ image: row }) => ({ image: row.with(2, '1') })), 'corrupt'],
    }
    for (const [what, [body, code, headers]] of Object.entries(bad)) {
      const { status, error } = await server.restore(body, 'tenant=t', headers)
      assert.deepEqual([status, error?.code], [400, code], `${what}: ${error?.message}`)
    }
    // The epoch and the cursor are what they were, so nothing is sent anew.
    const pushed = await ann.push(put('d'))
    assert.deepEqual([pushed.head, pushed.results[0].version], [3, 3], JSON.stringify(pushed))
    assert.deepEqual([...(await ann.pull()).keys()].sort(), ['a', 'b', 'c', 'd'])
    const meant = await server.restore(backup, 'tenant=u&from=t')
    assert.deepEqual([meant.status, meant.documents], [200, 2], 'another tenant, on purpose')
    counted(`${Object.keys(bad).length} kinds of bad backups are refused by a tenant at the edge`)
  }))

test('operators have a secret of their own, without which there is nothing to ask', () =>
  inFolder(async (data) => {
    const server = await start(data)
    const status = async (...call) => {
      const response = await server.ask(...call)
      await response.body?.cancel()
      return response.status
    }
    for (const bearer of ['', ADMIN.slice(1), `${ADMIN}!`, token({}), SECRET])
      for (const [method, route] of [
        ['GET', 'backup'],
        ['PUT', 'restore'],
        ['POST', 'compact'],
        ['POST', 'renew'],
      ])
        assert.equal(
          await status(method, `${route}?tenant=t`, { headers: { authorization: `Bearer ${bearer}` } }),
          401,
          route,
        )
    assert.equal(await status('POST', 'backup?tenant=t'), 405)
    assert.equal(await status('GET', 'backup'), 400)
    assert.equal(await status('POST', 'compact?tenant=t&keep=all'), 400)
    assert.equal(await status('GET', 'nothing?tenant=t'), 404)
    for (const [secret, refused] of [
      ['too short', 503],
      [undefined, 404],
    ]) {
      const { ask, host } = await start(data, { TIDEWELL_ADMIN_SECRET: secret })
      const response = await ask('GET', 'backup?tenant=t', { headers: { authorization: `Bearer ${secret ?? ''}` } })
      assert.equal(response.status, refused)
      await host.stop()
    }
  }))

test('a compaction keeps what is current, and a new epoch starts clients over', () =>
  inFolder(async (data) => {
    const server = await start(data)
    const ann = new Device(server.origin, token({}))
    await ann.push(put('a'))
    await ann.push(put('a', { n: 2 }), put('b'))
    await ann.push([{ c: 'notes', id: 'b', remove: true }])
    const page = () => ann.post('pull', { v: 1, replica: ann.replica, cursor: null, subscriptions: [{ c: 'notes' }] })
    const { epoch } = await page()
    assert.equal((await server.ask('POST', 'compact?tenant=t&keep=0')).status, 200)
    const [{ image }, ...others] = (await server.backup())
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('{"image"'))
      .map((line) => JSON.parse(line))
    assert.deepEqual([image[1], JSON.parse(image[5]), others], ['a', { id: 'a', n: 2 }, []])
    assert.equal((await server.ask('POST', 'renew?tenant=t')).status, 200)
    const renewed = await page()
    assert.notEqual(renewed.epoch, epoch)
    assert.ok(renewed.version > 2 ** 32)
  }))
