/** Claims about analyzers of the application. */
import type { Analyzer, AnalyzerToken, Collection, Database } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'

interface Line {
  id: string
  text: string
}

/** Words without their vowels, so that what it does shows. */
const bare = (text: string): AnalyzerToken[] =>
  [...text.matchAll(/\p{L}+/gu)].map(({ 0: word, index }) => ({
    term: word.toLowerCase().replace(/[aeiou]/g, ''),
    start: index,
    end: index + word.length,
  }))

const inModule = (name: string, version: number, code: string): Analyzer => ({
  name,
  version,
  module: `data:text/javascript,${encodeURIComponent(`export default ${code}`)}`,
})

const BARE = `(text) => [...text.matchAll(/\\p{L}+/gu)].map(({ 0: word, index }) => ({
  term: word.toLowerCase().replace(/[aeiou]/g, ''), start: index, end: index + word.length }))`

const lines: Line[] = [
  { id: 'a', text: 'Tide 😀 tables' },
  { id: 'b', text: 'a toad on the table' },
]

const ids = async (of: Pick<Collection<Line>, 'search'>, query: string) =>
  (await of.search(query)).hits.map(({ id }) => id).sort()

const declared = (db: Database, analyzer: string | Analyzer) =>
  db.collection<Line>('lines', { search: { text: { analyzer } } })

export const analyzers: readonly Claim[] = [
  claim('a function of the page makes the terms; a worker is told that it needs a module', async (db, { worker }) => {
    const collection = declared(db, { name: 'bare', version: 1, analyze: bare })
    if (worker === true) return void (await rejects(collection.insertMany(lines), 'invalid', 'analyzer-function'))
    await collection.insertMany(lines)
    equal(await ids(collection, 'TEODIE'), ['a', 'b'])
    const { hits } = await collection.search('tebla', { highlight: true })
    equal(hits.map(({ id, highlights }) => [id, highlights?.['text']]).sort(), [['b', [[[14, 19]]]]])
    equal((await collection.search('tables', { highlight: true })).hits[0]?.highlights, { text: [[[8, 14]]] })
  }),

  claim('the function of a module does, wherever the engine runs', async (db) => {
    await db.collection<Line>('lines').insertMany(lines)
    const collection = declared(db, inModule('bare', 1, BARE))
    equal(await ids(collection, 'tode'), ['a', 'b'])
    await collection.update('b', { $set: { text: 'nothing' } })
    equal(await ids(collection, 'tode'), ['a'])
    equal((await collection.search({ phrase: 'tied tebels' })).hits.length, 1)
    const missing = { name: 'other', version: 1, module: 'data:text/javascript,', export: 'analyze' }
    await rejects(
      db.collection<Line>('others', { search: { $analyzer: missing, text: 1 } }).get('x'),
      'invalid',
      'analyzer-module',
    )
  }),

  claim('another version makes the index anew, and the same one does not', async (db) => {
    const first = declared(db, inModule('mine', 1, BARE))
    await first.insertMany(lines)
    equal(await ids(first, 'tode'), ['a', 'b'])
    const numbers: string[] = []
    db.on('progress', ({ name, state }) => numbers.push(`${name} ${state}`))
    const again = db.collection<Line>('lines', { search: { text: { analyzer: inModule('mine', 1, BARE), weight: 2 } } })
    equal([await ids(again, 'tode'), numbers], [['a', 'b'], []])
    const whole = `(text) => [{ term: text, start: 0, end: text.length }]`
    const second = declared(db, inModule('mine', 2, whole))
    await second.insert({ id: 'c', text: 'tode' })
    equal([await ids(second, 'tode'), await ids(second, 'Tide 😀 tables')], [['c'], ['a']])
    holds(numbers.includes('$search ready'), numbers.join())
  }),

  claim(
    'who has another version of an analyzer writes nothing into the index, until he declares it',
    async (db, context) => {
      if (!context.persistent) return
      const old = declared(db, inModule('mine', 1, BARE))
      await old.insertMany(lines)
      const other = await context.reopen(db)
      const newer = declared(other, inModule('mine', 2, `(text) => [{ term: text, start: 0, end: text.length }]`))
      equal(await ids(newer, 'a toad on the table'), ['b'])
      await eventually(
        async () => (await old.insert({ id: 'x', text: 'y' }).catch(() => 'refused')) === 'refused',
        'refused',
      )
      await rejects(old.insert({ id: 'd', text: 'tide' }), 'invalid', 'analyzer-version')
      await rejects(old.search('tide'), 'invalid', 'analyzer-version')
      await rejects(declared(db, 'nobody').get('a'), 'invalid', 'unknown-analyzer')
      await other.close()
      const third = await context.reopen(db)
      await rejects(third.collection<Line>('lines').insert({ id: 'd', text: 'tide' }), 'invalid', 'unknown-analyzer')
      equal((await third.collection<Line>('lines').get('a'))?.text, lines[0]?.text)
      await third.close()
    },
  ),

  claim('an analyzer that fails refuses the write, and gives up an index that is being built', async (db) => {
    const fails = `(text) => { if (text.includes('bad')) throw new Error('no such word'); return [{ term: text, start: 0, end: text.length }] }`
    const collection = declared(db, inModule('fails', 1, fails))
    await collection.insert({ id: 'a', text: 'good' })
    const error = await rejects(collection.insert({ id: 'b', text: 'bad' }), 'invalid', 'analyzer-failed')
    holds(error.message.includes("'fails'") && error.message.includes('no such word'), error.message)
    equal([await collection.count(), await ids(collection, 'good')], [1, ['a']])
    await rejects(collection.search('bad'), 'invalid', 'analyzer-failed')
    const states: string[] = []
    db.on('progress', ({ collection: of, state }) => of === 'later' && states.push(state))
    await db.collection<Line>('later').insert({ id: 'x', text: 'bad' })
    const later = db.collection<Line>('later', { search: { $analyzer: inModule('fails', 1, fails), text: 1 } })
    await rejects(later.search('x'), 'invalid', 'analyzer-failed')
    equal(states.at(-1), 'failed')
    const late = `async () => []`
    await rejects(declared(db, inModule('late', 1, late)).search('x'), 'invalid', 'analyzer-failed')
  }),

  claim('an analyzer may not use the database', async (db, { worker }) => {
    if (worker === true) return
    const seen: string[] = []
    const peeks = (text: string) => {
      db.collection<Line>('lines')
        .get('a')
        .catch((error: Error) => seen.push(error.message))
      return bare(text)
    }
    const collection = declared(db, { name: 'peeks', version: 1, analyze: peeks })
    await collection.insert({ id: 'a', text: 'tide' })
    equal(await ids(collection, 'tede'), ['a'])
    holds(seen.length > 0 && seen.every((message) => message === 'an analyzer may not use the database'), seen.join())
  }),

  claim("words are the host's where a segmenter is asked for", async (db) => {
    if (typeof Intl.Segmenter !== 'function') return
    const collection = declared(db, { segmenter: 'th' })
    const thai = 'การประชุมจะจัดขึ้นที่กรุงเทพมหานคร'
    const words = [...new Intl.Segmenter('th', { granularity: 'word' }).segment(thai)].map(({ segment }) => segment)
    await collection.insertMany([
      { id: 'a', text: thai },
      { id: 'b', text: 'Café au lait' },
    ])
    equal(words.length > 1, true)
    for (const word of words) equal(await ids(collection, word), ['a'])
    equal(await ids(collection, 'CAFE'), ['b'])
    await rejects(declared(db, { segmenter: 'not a language' }).get('a'), 'invalid')
  }),

  claim('declarations that make no sense are refused', async (db) => {
    const analyze = bare
    const named = { name: 'x', version: 1 }
    const odd = [{}, { ...named, name: '', analyze }, { ...named, version: 1.5, analyze }, named, { segmenter: 1 }]
    for (const one of [...odd, { ...named, module: './x.js' }, inModule('english', 1, BARE)])
      await rejects(declared(db, one as Analyzer).get('a'), 'invalid')
  }),
]
