// `cargo xtask profile` runs this on a package whose WebAssembly notes which of its parts ran: it does in Chromium what a page does
// with documents, and prints which. What is done here decides what the page part of the WebAssembly holds.
import { launch, newProfile, openPage } from './support/browser.mjs'
import { pile } from './support/pile.mjs'
import { serve } from './support/server.mjs'

const DOCUMENTS = 30_000

/**
 * Keeps the exports of the last instances that a page made, and what ran in those before: each holds two memories, of which a browser
 * gives a page about a hundred.
 */
const keepInstances = () => {
  window.instances = []
  window.marks = new Set()
  window.mark = ({ $ran }) => {
    new Uint8Array($ran.buffer).forEach((mark, number) => mark === 1 && window.marks.add(number))
  }
  const original = WebAssembly.instantiate
  WebAssembly.instantiate = async (...given) => {
    while (window.instances.length > 6) window.mark(window.instances.shift())
    const instance = await original(...given)
    window.instances.push(instance.exports)
    return instance
  }
}

/** The numbers of the parts of functions that ran in this page. */
const ran = () => {
  window.instances.forEach(window.mark)
  return [...window.marks]
}

/** A bit for each number, four to a hexadecimal digit, lowest first. */
const digitsOf = (numbers) => {
  const digits = new Uint8Array(numbers.reduce((most, one) => Math.max(most, one), 0) / 4 + 1)
  for (const number of numbers) digits[number >> 2] |= 1 << (number & 3)
  return Array.from(digits, (digit) => digit.toString(16)).join('')
}

const documentsOf = (from, count) =>
  Array.from({ length: count }, (_, at) => from + at).map((n) => ({
    id: `doc-${String(n).padStart(8, '0')}`,
    n: (n * 7919) % 100_000,
    s: `word-${(n * 48271) % 65_537}`,
    group: `g${n % 50}`,
    amount: ((n * 31_337) % 1_000_000) / 100,
    flag: n % 2 === 0,
    tags: [`t${n % 7}`, `t${n % 11}`],
    nested: { due: n % 3 === 0 ? null : n, deep: { label: `é ${n}` } },
    body: 'tide harbour lantern gravel meadow signal copper orbit velvet '.repeat(4),
  }))

/** A first visit: the database and its collections are made. */
const firstVisit = async (documents) => {
  const db = await window.openDatabase('app')
  const notes = db.collection('notes', { indexes: ['group', ['flag', 'amount'], 'tags', 's'] })
  await notes.insert({ id: 'n1', group: 'a', amount: 1, flag: true, tags: ['x'], s: 's', due: new Date(), bytes: new Uint8Array([1, 2]), big: 12n, none: undefined, ratio: -0.5e-7 })
  await notes.insertMany(documents)
  await notes.put({ id: 'n1', group: 'b', amount: 2, flag: false, due: new Date(5) })
  await notes.put({ group: 'c', title: 'an id is made' })
  await notes.insert({ id: 'n1' }).catch(() => {})
  await notes.update('n1', { $set: { 'nested.title': 'x', group: 'c' }, $unset: { due: true }, $inc: { amount: 2 } })
  await notes.updateMany({ group: 'g1' }, { $set: { flag: true } })
  await notes.updateMany({ group: 'g2' }, { $inc: { amount: 1 } })
  await notes.delete('n1')
  await notes.deleteMany({ group: 'g3' })
  await db.close()
}

/** Questions about documents, of every kind that needs no expression. */
const ask = async (notes) => {
  for (const id of ['doc-00000001', 'doc-00000100', 'none']) await notes.get(id)
  await notes.getMany(['doc-00000002', 'none', 'doc-00000900'])
  for (const filter of [
    {},
    { id: 'doc-00000007' },
    { id: { $in: ['doc-00000001', 'doc-00000005'] } },
    { id: { $gt: 'doc-00000100', $lte: 'doc-00000200' } },
    { group: 'g5' },
    { group: { $in: ['g1', 'g2', 'g9'] }, amount: { $gte: 200 } },
    { flag: true, amount: { $gt: 100, $lt: 300 } },
    { flag: false, amount: { $lte: 90 }, 'nested.due': { $ne: null } },
    { tags: 't3' },
    { tags: { $in: ['t1', 't2'] } },
    { s: { $gte: 'word-1', $lt: 'word-2' } },
    { 'nested.deep.label': 'é 12' },
    { 'nested.due': { $exists: true, $gt: 5 } },
    { $or: [{ group: 'g4' }, { n: { $lt: 100 } }] },
    { $and: [{ group: 'g4' }, { $or: [{ flag: true }, { amount: { $gte: 10 } }] }] },
    { amount: { $not: { $lt: 9000 } } },
    { group: { $nin: ['g1', 'g2'] }, flag: { $eq: true } },
    { when: { $lt: new Date() } },
  ]) {
    await notes.find(filter).limit(20).toArray()
    await notes.find(filter).sort({ amount: -1 }).limit(50).toArray()
    await notes.count(filter)
  }
  await notes.find({ group: 'g5' }).sort({ group: 1, amount: -1, id: 1 }).skip(3).limit(20).project({ amount: 1, 'nested.deep': 1 }).toArray()
  await notes.find({ flag: true }).sort({ flag: 1, amount: 1 }).limit(20).project({ body: 0 }).toArray()
  await notes.find({ s: { $gte: 'word-3' } }).sort({ s: 1 }).limit(20).toArray()
  await notes.find({ s: { $lt: 'word-3' } }).sort({ s: -1 }).limit(20).toArray()
  await notes.find().sort({ id: -1 }).limit(10).toArray()
  await notes.find({ group: 'g7' }).first()
  let seen = 0
  for await (const document of notes.find({ flag: true })) if (document && ++seen > 3000) break
  const page = await notes.find({ group: 'g5' }).sort({ group: 1 }).limit(5).page()
  await notes.find({ group: 'g5' }).sort({ group: 1 }).limit(5).after(page.cursor).page()
  await notes.find().count()
}

/** Writes of every kind while live queries look on. */
const writeAndWatch = async (db, notes, tag) => {
  const seen = []
  const stops = [
    notes.find({ group: 'g5' }).subscribe(({ docs, diff }) => seen.push(docs.length, diff)),
    notes.find({ amount: { $gte: 100 } }).sort({ amount: -1 }).limit(20).subscribe(({ docs }) => seen.push(docs.length)),
  ]
  await new Promise((done) => setTimeout(done, 200))
  for (let at = 0; at < 20; at++) {
    await notes.put({ id: `live-${tag}-${at}`, group: 'g5', amount: 20_000 + at, flag: at % 2 === 0 })
    await notes.update(`live-${tag}-${at}`, { $set: { group: at % 3 === 0 ? 'g5' : 'g6' }, $inc: { amount: -100 } })
  }
  for (let at = 0; at < 20; at += 2) await notes.delete(`live-${tag}-${at}`)
  await Promise.all(Array.from({ length: 100 }, (_, at) => notes.put({ id: `many-${tag}-${at}`, amount: at })))
  await notes.put({ id: `strict-${tag}` }, { durability: 'strict' })
  await notes.put({ id: `memory-${tag}` }, { durability: 'memory' })
  await new Promise((done) => setTimeout(done, 200))
  for (const stop of stops) stop()
}

/** Small collections, documents of all shapes, questions and writes in an order that looks random. */
const wander = async (name, seed, steps) => {
  let state = seed
  const below = (limit) => {
    state = Math.imul(state, 1664525) + 1013904223
    return (state >>> 8) % limit
  }
  const one = (all) => all[below(all.length)]
  const text = () => one(['', 'a', 'tide', 'Harbour', 'é ü', '😀', 'a "quote"', 'back\\slash', 'x'.repeat(below(300)), 'line\nbreak'])
  const number = () => one([0, 1, -1, below(100), -below(1000), below(1e6) / 100, 1.5e10, 2 ** 53, 0.1, below(1e9)])
  const value = (depth = 0) =>
    one([text, number, number, text, () => below(2) === 0, () => null, () => new Date(below(1e9) * 1000), () => (depth > 2 ? 1 : [value(3), value(3)]), () => (depth > 1 ? 'x' : { a: value(depth + 1), b: value(depth + 1) })])()
  const id = () => `id${below(120)}`
  const document = () => ({ id: id(), n: number(), s: text(), flag: below(2) === 0, tags: Array.from({ length: below(4) }, () => one(['a', 'b', 'c', 'd'])), when: new Date(below(1e9) * 1000), [one(['x', 'y', 'z'])]: value(), inner: { x: value(1), list: [value(2)] } })
  const field = () => one(['n', 's', 'flag', 'tags', 'when', 'x', 'y', 'inner.x', 'id', 'none'])
  const test = () => one([() => value(1), () => ({ $gt: number() }), () => ({ $gte: number(), $lt: number() }), () => ({ $lte: text() }), () => ({ $in: [value(2), number(), text()] }), () => ({ $ne: value(2) }), () => ({ $exists: below(2) === 0 }), () => ({ $nin: [text(), number()] }), () => ({ $not: { $gt: number() } }), () => ({ $lt: new Date(below(1e9) * 1000) })])()
  const filter = (depth = 0) => {
    const kind = below(depth > 1 ? 8 : 11)
    if (kind === 0) return {}
    if (kind === 8) return { $or: [filter(depth + 1), filter(depth + 1)] }
    if (kind === 9) return { $and: [filter(depth + 1), filter(depth + 1)] }
    if (kind === 10) return { id: { $in: [id(), id()] } }
    return kind < 5 ? { [field()]: test() } : { [field()]: test(), [field()]: test() }
  }
  const db = await window.openDatabase(name)
  const indexes = one([['n', 's'], ['tags', ['flag', 'n']], [], ['when', 'inner.x', ['s', 'n']], [{ fields: 'x' }]])
  const things = db.collection('things', { indexes })
  const find = () => {
    let query = things.find(filter())
    if (below(2) === 0) query = query.sort({ [field()]: one([1, -1]) })
    if (below(4) === 0) query = query.sort({ [field()]: 1, [field()]: -1 })
    if (below(2) === 0) query = query.limit(1 + below(30))
    if (below(4) === 0) query = query.skip(below(10))
    if (below(4) === 0) query = query.project(one([{ n: 1, s: 1 }, { inner: 0 }, { 'inner.x': 1, id: 0 }]))
    return query
  }
  const stops = []
  const ignore = (work) => work().catch(() => {})
  for (let step = 0; step < steps; step++) {
    await ignore(
      one([
        () => things.put(document()),
        () => things.putMany(Array.from({ length: below(20) }, document)),
        () => things.insert(document()),
        () => things.insertMany([document(), document()]),
        () => Promise.all([things.put(document()), things.put(document()), things.delete(id())]),
        () => things.get(id()),
        () => things.getMany([id(), id(), id()]),
        () => find().toArray(),
        () => find().toArray(),
        () => find().first(),
        () => find().page(),
        () => things.count(filter()),
        () => things.findOne(filter()),
        () => things.update(id(), { $set: { [one(['n', 'x', 'inner.x', 'inner.y.z', 'tags'])]: value() } }),
        () => things.update(id(), { $inc: { n: number() }, $unset: { [one(['x', 'inner.x', 'none'])]: true } }),
        () => things.update(id(), { $set: { s: text(), n: number() } }, { upsert: true }),
        () => things.updateMany(filter(), { $set: { flag: below(2) === 0 } }),
        () => things.delete(id()),
        () => things.deleteMany({ id: { $in: [id(), id()] } }),
        () => things.deleteMany([id(), id()]),
        () => things.replace(document()),
        async () => {
          if (stops.length < 6) stops.push(find().subscribe(() => {}, { onError: () => {} }))
          else stops.splice(below(6), 1)[0]()
        },
      ]),
    )
  }
  for (const stop of stops) stop()
  await db.close()
}

/** Fills the database `app`, and `small` a little, and puts what is there into tables. */
const fill = async (documents, tag, step) => {
  const small = await window.openDatabase('small')
  for (let at = 0; at < 20 * step; at++) await small.collection('todo', { indexes: ['done'] }).put({ id: `t${at * 7}`, done: at % 3 === 0, title: tag })
  if (step % 2 === 1) await small.flush()
  await small.close()
  const db = await window.openDatabase('app')
  const notes = db.collection('notes', { indexes: ['group', ['flag', 'amount'], 'tags', 's'] })
  for (const batch of documents) {
    // Every third document has an id that is anywhere, so that tables overlap.
    await notes.putMany(batch.map((one, at) => (at % 3 === 0 ? { ...one, id: `${(at * 7919) % 1000}-${one.id}` } : one)))
    if (batch === documents[1]) await db.flush()
  }
  if (step > 0) await db.flush()
  if (step === 4) await db.compact()
  await notes.putMany(Array.from({ length: step * 3 }, (_, at) => ({ id: `${tag}-${at}`, group: 'g5', amount: at })))
  await db.close()
}

/** What a page does that was there before: opens, reads a little, writes a little. */
const revisit = async (name) => {
  const db = await window.openDatabase(name)
  const things = name === 'small' ? db.collection('todo', { indexes: ['done'] }) : db.collection('notes', { indexes: ['group', ['flag', 'amount'], 'tags', 's'] })
  await things.indexes()
  for (const id of ['t7', 'doc-00000003', 'doc-00002001', '7-doc-00004001', 'none']) await things.get(id)
  await things.find(name === 'small' ? { done: true } : { group: 'g5' }).limit(30).toArray()
  await things.find().sort({ id: 1 }).limit(5).toArray()
  await things.put({ id: `again-${Math.random()}`, done: true, group: 'g5' })
  await things.update('t7', { $set: { done: false } })
  await things.count()
  await db.close()
}

/** The same where the page declares nothing: each time another command is the first. */
const firsts = async (name) => {
  const [collection, id] = name === 'small' ? ['todo', 't7'] : ['notes', 'doc-00000003']
  const watch = (things) => new Promise((seen, failed) => {
    const stop = things.find({ group: 'g5' }).subscribe(() => setTimeout(() => (stop(), seen())), { onError: failed })
  })
  for (const first of [
    (things) => things.get(id),
    (things) => things.get('none'),
    (things) => things.getMany([id, 'none']),
    (things) => things.find({ group: 'g5' }).limit(3).toArray(),
    (things) => things.find().sort({ id: -1 }).limit(3).toArray(),
    (things) => things.findOne({ done: true }),
    (things) => things.count(),
    (things) => things.indexes(),
    (things) => things.put({ id: 'first', group: 'g5' }),
    (things) => things.insertMany([{ group: 'g5' }, { group: 'g6' }]),
    (things) => things.update(id, { $set: { group: 'g7' } }),
    (things) => things.delete('first'),
    watch,
  ]) {
    const db = await window.openDatabase(name)
    await first(db.collection(collection))
    await db.close()
  }
}

const server = await serve()
const profile = await newProfile()
const browser = await launch(profile.folder)
const all = new Set()
const collect = async (page) => {
  for (const number of await page.evaluate(ran)) all.add(number)
}
const reload = async (page) => {
  await page.reload()
  await page.waitForFunction('window.ready === true')
}
// On a machine that is slow more work is cut into slices, and waits are longer: other parts of functions run.
let devtools
const slowly = async (page, rate) => {
  devtools ??= await page.context().newCDPSession(page)
  await devtools.send('Emulation.setCPUThrottlingRate', { rate })
}
const RATES = [1, 1, 8, 25, 60]
const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const batchesOf = (from, count) => Array.from({ length: count }, (_, at) => documentsOf(from + at * 1000, 1000))
try {
  await browser.context.addInitScript(keepInstances)
  const at = Date.now()
  const tell = (what) => console.log(`${Math.round((Date.now() - at) / 1000)} s: ${what}`)
  await browser.context.addInitScript(`
    window.ask = ${ask}
    window.writeAndWatch = ${writeAndWatch}
    window.wander = ${wander}
    window.fill = ${fill}
    window.revisit = ${revisit}
    window.firsts = ${firsts}
    window.visit = async (documents, tag) => {
      const db = await window.openDatabase('app')
      const notes = db.collection('notes', { indexes: ['group', ['flag', 'amount'], 'tags', 's'] })
      await notes.get('doc-00000003')
      await notes.indexes()
      for (const batch of documents) await notes.insertMany(batch)
      await ask(notes)
      await writeAndWatch(db, notes, tag)
    }`)
  // Where the second half does not arrive, commands that need it fail, and housekeeping waits: what runs is the first half.
  const restless = await openPage(browser, server.origin)
  await restless.route('**/tidewell_rest.wasm', (route) => route.abort())
  await reload(restless)
  await restless.evaluate(firstVisit, documentsOf(0, 1000))
  for (let seed = 1; seed <= 24; seed++) {
    await restless.evaluate(([name, seed]) => window.wander(name, seed * 7919, 250), [`wander${seed % 12}`, seed])
  }
  await collect(restless)
  // A page that is whole fills the tables of two databases, and after each step the other one opens what there is: few documents in
  // the log, one table, several of one level, several levels.
  const whole = await openPage(browser, server.origin)
  let from = 1000
  for (const [step, thousands] of [0, 1, 3, 8, DOCUMENTS / 1000 - 12, 2].entries()) {
    await whole.evaluate(([documents, tag, step]) => window.fill(documents, tag, step), [batchesOf(from, thousands), `fill${step}`, step])
    from += thousands * 1000
    for (const rate of RATES) {
      tell(`step ${step} of filling, ${rate} times as slow`)
      await slowly(restless, rate)
      await reload(restless)
      await restless.evaluate(() => window.revisit('app').then(() => window.revisit('small')))
      if (rate < 25 || step % 2 === 1) await restless.evaluate(() => window.firsts('app').then(() => window.firsts('small')))
      await collect(restless)
    }
    await slowly(restless, 1)
  }
  // A page that is closed in the middle of its housekeeping leaves edits of tables in the log.
  for (let round = 0; round < 5; round++) {
    await whole.evaluate(
      async ([documents, round]) => {
        const db = await window.openDatabase('app')
        const notes = db.collection('notes', { indexes: ['group', ['flag', 'amount'], 'tags', 's'] })
        for (const batch of documents) await notes.putMany(batch)
        await notes.deleteMany({ group: `g${10 + round}` })
        await notes.updateMany({ group: `g${20 + round}` }, { $inc: { amount: 1 } })
        await new Promise((done) => setTimeout(done, 60 * round))
        await db.close()
      },
      [batchesOf(1000 + round * 7000, 7 + 2 * round), round],
    )
    for (const rate of [RATES[round], 1]) {
      await slowly(restless, rate)
      await reload(restless)
      await restless.evaluate(() => window.revisit('app'))
      await collect(restless)
    }
  }
  // And one that goes before its housekeeping begins leaves tables out of shape.
  for (const deletes of [false, true]) {
    const name = deletes ? 'deleted' : 'piled'
    await whole.evaluate(pile, [name, deletes])
    await reload(whole)
    for (const rate of [1, 8, 40]) {
      tell(`${name}, ${rate} times as slow`)
      await slowly(restless, rate)
      await reload(restless)
      await restless.evaluate(async (name) => {
        const db = await window.openDatabase(name)
        const notes = db.collection('notes', { indexes: ['group'] })
        for (const id of ['n777', 'n2999', 'none']) await notes.get(id)
        await notes.put({ id: 'n777', n: -1, group: 'g0' })
        await notes.find({ group: 'g3', n: { $lt: 1000 } }).sort({ n: -1 }).limit(2).toArray()
        await notes.count()
        await db.close()
        await window.firsts(name)
      }, name)
      await collect(restless)
    }
  }
  // Documents of all shapes again, now that they are in tables; and a plain collection in a few tables of one level.
  for (let round = 0; round < 3; round++) {
    await whole.evaluate(async () => {
      for (let at = 0; at < 12; at++) {
        const db = await window.openDatabase(`wander${at}`)
        await db.flush()
        await db.close()
      }
      const db = await window.openDatabase('plain')
      const plain = db.collection('plain', { indexes: ['group'] })
      for (let from = 0; from < 6000; from += 1000) {
        await plain.putMany(Array.from({ length: 1000 }, (_, at) => ({ id: `p${from + at}`, n: from + at, group: `g${at % 7}`, body: 'sea '.repeat(90) })))
        if (from % 2000 === 0) await db.flush()
      }
      await db.close()
    })
    tell(`all shapes again, round ${round}`)
    await slowly(restless, [1, 1, 20][round])
    await reload(restless)
    await restless.evaluate(async (round) => {
      for (let at = 0; at < 12; at++) await window.wander(`wander${at}`, (round * 12 + at + 50) * 104_729, round < 2 ? 120 : 20)
      const db = await window.openDatabase('plain')
      const plain = db.collection('plain', { indexes: ['group'] })
      for (const id of ['p777', 'p3', 'p5999', 'none']) await plain.get(id)
      await plain.put({ id: 'p777', n: -1, group: 'g0' })
      await plain.get('p777')
      await plain.count()
      for (const sort of [{ n: -1 }, { n: 1 }, { id: 1 }, { group: 1, n: -1 }]) {
        for (const filter of [{ group: 'g3' }, {}, { n: { $gt: 5000 } }]) await plain.find(filter).sort(sort).limit(2).toArray()
      }
      await db.close()
    }, round)
    await collect(restless)
  }
  await slowly(restless, 1)
  await pause(6000)
  await reload(restless)
  await restless.evaluate(([documents, tag]) => window.visit(documents, tag), [batchesOf(50_000, 3), 'restless'])
  // Both at once: each hears of the other's commits.
  await whole.evaluate(([documents, tag]) => window.visit(documents, tag), [batchesOf(60_000, 1), 'both'])
  await restless.evaluate(() => window.ask(window.db.collection('notes')))
  await collect(restless)
  await restless.evaluate(() => window.db.close())
  await collect(restless)
  const errors = [...restless.errors, ...whole.errors].filter((text) => !text.includes('ERR_FAILED'))
  if (errors.length > 0) throw new Error(errors.join('\n'))
  console.log(`ran: ${digitsOf([...all])}`)
} finally {
  await browser.close()
  await server.close()
  await profile.remove()
}
