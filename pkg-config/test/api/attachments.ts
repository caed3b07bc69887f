/** Attachments: whole or not at all, bit for bit, and nothing left behind. */
import type { Attachments, AttachmentSource, Database } from '../../src/index.js'
import { claim, type Claim, equal, eventually, holds, rejects } from './harness.js'

const CHUNK = 256 * 1024

/** Bytes that differ from place to place. */
export function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length)
  for (let at = 0, state = seed; at < length; at++) all[at] = (state = (state * 1103515245 + 12345) & 0x7fffffff) >>> 16
  return all
}

const sha256 = async (of: Uint8Array<ArrayBuffer>) =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', of)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/** Documents of the companion, and records of puts. */
const stored = async (db: Database, files: Attachments) => [
  await db.collection(files.files).count(),
  await db.collection(`${files.files}.puts`).count(),
]

const generationOf = async (db: Database, files: Attachments, id: string) =>
  String((await db.collection(files.files).get(id))?.['generation'])

/** Reads to the end. A `Response` would hide the error in one of its own. */
async function drained(stream: ReadableStream): Promise<void> {
  const reader = stream.getReader()
  while (!(await reader.read()).done);
}

async function* slowly(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    yield chunk
  }
}

const reading: Claim[] = [
  claim('an attachment comes back bit for bit, whatever its size and source', async (db) => {
    const files = db.attachments('notes')
    for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 77]) {
      const all = bytes(size, size)
      const info = await files.put('n1', `of ${size}`, all)
      equal([info.size, info.type, info.complete], [size, 'application/octet-stream', true])
      equal(await files.bytes('n1', `of ${size}`), all, `of ${size}`)
    }
    const all = bytes(CHUNK + 1000)
    const parts = [all.subarray(0, 10), all.subarray(10, 10), all.subarray(10, CHUNK + 3), all.subarray(CHUNK + 3)]
    const sources: Record<string, AttachmentSource> = {
      bytes: all,
      buffer: all.buffer,
      blob: new Blob(parts as BlobPart[], { type: 'image/png' }),
      stream: new Blob([all]).stream() as ReadableStream<Uint8Array>,
      parts,
      slowly: slowly(parts),
    }
    const digest = await sha256(all)
    for (const [name, source] of Object.entries(sources)) {
      equal((await files.put('n2', name, source)).digest, digest, name)
      const blob = await files.get('n2', name)
      equal(blob?.type, name === 'blob' ? 'image/png' : 'application/octet-stream')
      equal(new Uint8Array((await blob?.arrayBuffer()) as ArrayBuffer), all, name)
    }
    const text = await files.put('n2', 'text', 'ebb und flüt', { type: 'text/plain' })
    equal([await (await files.get('n2', 'text'))?.text(), text.type], ['ebb und flüt', 'text/plain'])
    const stream = (await files.stream('n2', 'blob')) as ReadableStream
    equal(new Uint8Array(await new Response(stream).arrayBuffer()), all)
  }),

  claim('attachments are listed by document and name, and are documents to be queried and watched', async (db) => {
    const files = db.attachments(db.collection('notes'))
    const seen: number[] = []
    const off = db
      .collection(files.files)
      .find({ document: 'n1' })
      .subscribe(({ docs }) => seen.push(docs.length))
    for (const name of ['b.txt', 'a.txt']) await files.put('n1', name, name, { fields: { owner: 'ann' } })
    for (const id of ['n1/x', 'n', 'n11']) await files.put(id, 'c.txt', 'c')
    equal(
      (await files.list('n1')).map(({ document, name, fields, complete }) => [document, name, fields, complete]),
      [
        ['n1', 'a.txt', { owner: 'ann' }, true],
        ['n1', 'b.txt', { owner: 'ann' }, true],
      ],
    )
    await eventually(() => seen.at(-1) === 2, 'the live query follows')
    off()
    equal(await db.collection(files.files).count({ owner: 'ann' }), 4, 'heads and chunks have the fields')
    equal((await files.info('n1/x', 'c.txt'))?.document, 'n1/x')
    equal(await files.info('n1', 'x/c.txt'.slice(2)), undefined)
    for (const none of [files.get('n1', 'z'), files.bytes('n1', 'z'), files.stream('n1', 'z')])
      equal(await none, undefined)
    equal(
      [await files.delete('n1', 'z'), await files.delete('n1', 'a.txt'), await files.deleteAll('n1')],
      [false, true, 1],
    )
    equal([(await files.list('n1')).length, (await files.list('n11')).length], [0, 1])
  }),

  claim('what has not all arrived, and what is not what was put, is never handed out', async (db) => {
    const files = db.attachments('notes')
    const companion = db.collection(files.files)
    await files.put('n1', 'a', bytes(3 * CHUNK))
    const generation = await generationOf(db, files, 'n1/a')
    const chunk = await companion.get(`${generation}:0001`)
    await companion.delete(`${generation}:0001`)
    equal((await files.info('n1', 'a'))?.complete, false)
    equal((await files.list('n1'))[0]?.complete, false)
    await rejects(files.get('n1', 'a'), 'unavailable', 'incomplete')
    const stream = (await files.stream('n1', 'a')) as ReadableStream
    await rejects(drained(stream), 'unavailable', 'incomplete')
    await companion.insert({ ...chunk, id: `${generation}:0001`, bytes: bytes(CHUNK, 9) })
    equal((await files.list('n1'))[0]?.complete, true)
    await rejects(files.bytes('n1', 'a'), 'corrupt', 'digest')
    await companion.put({ ...chunk, id: `${generation}:0001`, bytes: 'text' })
    await rejects(files.bytes('n1', 'a'), 'corrupt', 'digest')
    await companion.put({ ...chunk, id: `${generation}:0001`, bytes: bytes(CHUNK + 1, 9) })
    await rejects(files.bytes('n1', 'a'), 'corrupt', 'digest')
    await companion.put({ ...chunk, id: `${generation}:0001` })
    equal(await files.bytes('n1', 'a'), bytes(3 * CHUNK))
    // A head that is none, such as a server may send.
    await companion.update('n1/a', { $set: { chunks: 1e9 } })
    equal(await files.get('n1', 'a'), undefined)
  }),
]

const writing: Claim[] = [
  claim('a put takes the place of the old one in one commit, and its bytes go', async (db) => {
    const files = db.attachments('notes')
    await files.put('n1', 'a', bytes(5 * CHUNK))
    const seen: unknown[] = []
    const off = db
      .collection(files.files)
      .find({ id: 'n1/a' })
      .subscribe(({ docs }) => seen.push(docs[0]?.['size']))
    const putting = files.put('n1', 'a', slowly([bytes(CHUNK, 2), bytes(CHUNK, 3)]))
    equal((await files.bytes('n1', 'a'))?.length, 5 * CHUNK, 'until then the old one is there')
    await putting
    equal(await files.bytes('n1', 'a'), new Uint8Array([...bytes(CHUNK, 2), ...bytes(CHUNK, 3)]))
    await eventually(() => seen.at(-1) === 2 * CHUNK, 'the live query follows')
    off()
    equal(seen, [5 * CHUNK, 2 * CHUNK])
    equal(await stored(db, files), [3, 0])
    await files.delete('n1', 'a')
    equal(await stored(db, files), [0, 0])
  }),

  claim('a put that fails, is stopped or is too large leaves the old one, and nothing else', async (db) => {
    const files = db.attachments('notes')
    await files.put('n1', 'a', 'old')
    const boom = new Error('boom')
    const failing = async function* () {
      yield bytes(3 * CHUNK)
      throw boom
    }
    let caught: unknown
    await files.put('n1', 'a', failing()).catch((error: unknown) => (caught = error))
    holds(caught === boom, 'it rejects with what the source threw')
    for (const at of [0, 1]) {
      const stop = new AbortController()
      const silent = async function* () {
        yield bytes(2 * CHUNK)
        if (at === 0) stop.abort()
        else setTimeout(() => stop.abort(), 20)
        await new Promise(() => undefined)
      }
      await rejects(files.put('n1', 'a', silent(), { signal: stop.signal }), 'aborted')
    }
    await rejects(files.put('n1', 'a', 'x', { signal: AbortSignal.abort() }), 'aborted')
    await rejects(files.put('n1', 'a', { size: 2 ** 26 + 1, stream: () => ({}) } as never), 'invalid', 'too-large')
    equal(await files.bytes('n1', 'a'), new TextEncoder().encode('old'))
    equal(await stored(db, files), [2, 0])
  }),

  claim('of puts of one name at once the last head wins, whole, and the others leave nothing', async (db) => {
    const files = db.attachments('notes')
    const sizes = [1, 2, 3, 4].map((at) => at * CHUNK + at)
    let reads = 0
    const reading = async () => {
      for (let round = 0; round < 20; round++) {
        const found = await files.bytes('n1', 'a')
        if (found === undefined) continue
        reads++
        equal(found, bytes(found.length, found.length), 'never a mix')
      }
    }
    const puts = sizes.map((size) => files.put('n1', 'a', slowly([bytes(size, size)])))
    await Promise.all([...puts, reading()])
    await reading()
    const found = (await files.bytes('n1', 'a')) as Uint8Array
    holds(sizes.includes(found.length) && reads > 0, 'one of them')
    equal(await stored(db, files), [Math.ceil(found.length / CHUNK) + 1, 0])
  }),

  claim('a removal in a transaction is the document and its attachments, or neither', async (db) => {
    const [notes, files] = [db.collection('notes'), db.attachments('notes')]
    await notes.insert({ id: 'n1' })
    for (const name of ['a', 'b']) await files.put('n1', name, bytes(CHUNK + 1))
    const remove = (fails: boolean) =>
      db.transaction(async (tx) => {
        await tx.collection(notes).delete('n1')
        equal(await files.deleteAll('n1', { tx }), 2)
        if (fails) throw new Error('no')
      })
    await remove(true).catch(() => undefined)
    equal([await notes.count(), (await files.list('n1')).length], [1, 2])
    equal(await files.bytes('n1', 'b'), bytes(CHUNK + 1))
    await remove(false)
    equal([await notes.count(), ...(await stored(db, files))], [0, 0, 0])
  }),

  claim('bad names, fields and sources are refused before anything is written', async (db) => {
    const files = db.attachments('notes')
    for (const name of ['', 'a/b', 'a\nb', 'x'.repeat(256), '\ud800', 5])
      await rejects(files.put('n1', name as string, 'x'), 'invalid', 'bad-name')
    await rejects(files.put('n'.repeat(400), 'x'.repeat(112), 'x'), 'invalid', 'bad-name')
    await files.put('n'.repeat(400), 'x'.repeat(111), 'x')
    await files.deleteAll('n'.repeat(400))
    for (const id of ['', 5]) {
      await rejects(files.put(id as string, 'a', 'x'), 'invalid')
      await rejects(files.list(id as string), 'invalid')
    }
    for (const options of [{ fields: { id: 'x' } }, { fields: { bytes: 1 } }, { fields: [] }, { type: 'a\nb' }])
      await rejects(files.put('n1', 'a', 'x', options as never), 'invalid')
    for (const source of [undefined, null, 5, {}, [5]]) await rejects(files.put('n1', 'a', source as never), 'invalid')
    await rejects(files.put('n1', 'a', 'x', { fields: { f: (() => 1) as never } }), 'invalid')
    await rejects(files.clean({ olderThan: -1 }), 'invalid')
    for (const of of ['', 5, undefined, {}]) {
      let error: unknown
      try {
        db.attachments(of as string)
      } catch (thrown) {
        error = thrown
      }
      equal((error as { code?: string } | undefined)?.code, 'invalid')
    }
    await rejects(db.attachments('n'.repeat(120)).put('n1', 'a', 'x'), 'invalid')
    equal(await stored(db, files), [0, 0])
  }),
]

/** What a put of a tab that was killed has left. */
const cutOff = async (db: Database, files: Attachments, head: string, at = Date.now()) => {
  const time = at.toString(16).padStart(12, '0')
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${Math.random().toString(16).slice(2, 14).padEnd(12, '0')}`
  await db.collection(`${files.files}.puts`).insert({ id, head, state: 'begun', at })
  for (let n = 0; n < 3; n++)
    await db.collection(files.files).insert({ id: `${id}:000${n}`, generation: id, bytes: bytes(1000) })
  return id
}

const leftovers: Claim[] = [
  claim(
    'what a put left that was cut off is cleared when attachments are used again; one under way is not',
    async (db) => {
      const files = db.attachments('notes')
      holds(files === db.attachments('notes'), 'one for each collection: it is looked once')
      for (const name of ['a', 'b']) await cutOff(db, files, `n1/${name}`)
      await files.put('n1', 'a', 'old')
      let finish: () => void = () => undefined
      const waiting = async function* () {
        yield bytes(2 * CHUNK)
        await new Promise<void>((resolve) => (finish = resolve))
      }
      const putting = files.put('n1', 'c', waiting())
      equal((await files.list('n1')).length, 1)
      await eventually(async () => String(await stored(db, files)) === '4,1', 'all but that is cleared by itself')
      await files.clean()
      finish()
      await putting
      equal(await files.bytes('n1', 'c'), bytes(2 * CHUNK))
      equal(await stored(db, files), [5, 0])
    },
  ),

  claim('a put that was taken for dead fails, and leaves nothing', async (db) => {
    const files = db.attachments('notes')
    const puts = db.collection(`${files.files}.puts`)
    const losing = async function* () {
      yield bytes(2 * CHUNK)
      await puts.deleteMany({})
    }
    await rejects(files.put('n1', 'a', losing()), 'conflict', 'abandoned')
    equal(await files.get('n1', 'a'), undefined)
  }),

  claim('chunks of a put that another device superseded go; those of one that is nowhere stay', async (db) => {
    const files = db.attachments('notes')
    const puts = db.collection(`${files.files}.puts`)
    // What is cleared by itself when attachments are used first is cleared before the claim begins.
    await cutOff(db, files, 'n1/first')
    await files.put('n1', 'a', 'mine')
    await eventually(async () => String(await stored(db, files)) === '2,0', 'the first is cleared by itself')
    const lost = await cutOff(db, files, 'n1/a')
    const unseen = await cutOff(db, files, 'n1/gone')
    const dropped = await cutOff(db, files, 'n1/a')
    const current = await generationOf(db, files, 'n1/a')
    await puts.put({ id: current, head: 'n1/a', state: 'put', at: 0 })
    for (const id of [lost, unseen]) await puts.update(id, { $set: { state: 'put' } })
    await puts.update(dropped, { $set: { state: 'dropped', left: 4 } })
    equal((await files.clean()).puts, 2)
    equal((await puts.find().toArray()).map(({ id }) => id).sort(), [current, unseen, dropped].sort())
    await db.collection(files.files).insert({ id: `${dropped}:0003`, generation: dropped, bytes: bytes(1) })
    equal((await files.clean()).puts, 1, 'what arrives later goes too')
    equal(await files.bytes('n1', 'a'), new TextEncoder().encode('mine'))
    equal(await stored(db, files), [2 + 3, 2])
    await new Promise((resolve) => setTimeout(resolve, 2))
    equal(await files.clean({ olderThan: 0 }), { attachments: 0, puts: 1 })
    equal(await stored(db, files), [2, 1], 'who asks for it gets it')
  }),

  claim('what is removed before all of it had arrived goes when it has', async (db) => {
    const files = db.attachments('notes')
    const companion = db.collection(files.files)
    await files.put('n1', 'a', bytes(2 * CHUNK))
    const late = (await companion.get(`${await generationOf(db, files, 'n1/a')}:0001`)) as { id: string }
    await companion.delete(late.id)
    await files.delete('n1', 'a')
    equal(await stored(db, files), [0, 1])
    await files.clean()
    equal(await stored(db, files), [0, 1])
    await companion.insert(late)
    await files.clean()
    equal(await stored(db, files), [0, 0])
  }),

  claim('clean removes what is asked: old puts of others, and attachments of documents that are gone', async (db) => {
    const [notes, files] = [db.collection('notes'), db.attachments('notes')]
    await notes.insert({ id: 'n1' })
    for (const id of ['n1', 'n2', 'n3']) for (const name of ['a', 'b']) await files.put(id, name, 'x')
    const day = 86_400_000
    const ids = [
      await cutOff(db, files, 'n1/x', Date.now() - 30 * day),
      await cutOff(db, files, 'n1/x', Date.now() - day),
    ]
    await db.collection(`${files.files}.puts`).deleteMany(ids)
    equal(await files.clean(), { attachments: 0, puts: 0 })
    equal(await files.clean({ olderThan: 7 * day }), { attachments: 0, puts: 1 })
    equal(await files.clean({ gone: true }), { attachments: 4, puts: 0 })
    equal([(await files.list('n1')).length, ...(await stored(db, files))], [2, 4 + 3, 0])
  }),

  {
    name: 'a backup carries attachments',
    run: async ({ open }) => {
      const [from, to] = [await open(), await open()]
      try {
        await from.attachments('notes').put('n1', 'a', bytes(2 * CHUNK), { type: 'image/png' })
        await to.import(from.export())
        const files = to.attachments('notes')
        equal(await files.bytes('n1', 'a'), bytes(2 * CHUNK))
        equal((await files.list('n1'))[0]?.type, 'image/png')
      } finally {
        await from.close()
        await to.close()
      }
    },
  },

  {
    name: 'two tabs that put one name at once leave one of them, whole',
    run: async ({ open, reopen, persistent }) => {
      if (!persistent) return
      const one = await open()
      const two = await reopen(one)
      try {
        const tabs = [one.attachments('notes'), two.attachments('notes')]
        for (let round = 1; round <= 3; round++) {
          await Promise.all(tabs.map((files, at) => files.put('n1', 'a', bytes(round * CHUNK + at, at))))
          // One tab may hear a little later of what the other committed.
          let sizes: number[] = []
          await eventually(async () => {
            const found = await Promise.all(tabs.map((files) => files.bytes('n1', 'a')))
            for (const now of found)
              if (now !== undefined) equal(now, bytes(now.length, now.length % CHUNK), 'never a mix')
            sizes = found.map((now) => now?.length ?? 0)
            return sizes[0] === sizes[1] && Math.floor((sizes[0] as number) / CHUNK) === round
          }, 'both show the one that won')
          const at = (sizes[0] as number) % CHUNK
          equal(await stored(one, tabs[0] as Attachments), [1 + round + at, 0])
        }
      } finally {
        await one.close()
        await two.close()
      }
    },
  },
]

export const attachments: Claim[] = [...reading, ...writing, ...leftovers]
