/** The table of bad input: each row is refused with its code and a message that names the path, and changes nothing. */
import type { Collection, Database } from '../../src/index.js'
import { claim, type Claim, equal, holds, rejects } from './harness.js'

type Notes = Collection<{ id: string; [field: string]: unknown }, object>

interface Row {
  readonly what: string
  readonly act: (notes: Notes, db: Database) => Promise<unknown>
  readonly code: string
  readonly reason?: string
  /** What the message must name. */
  readonly names: RegExp
}

const cycle: Record<string, unknown> = { id: 'cycle' }
cycle['self'] = { back: cycle }
const deep = (levels: number): unknown => (levels === 0 ? 1 : { d: deep(levels - 1) })

const ROWS: readonly Row[] = [
  {
    what: 'an unknown operator in a filter',
    act: (n) => n.find({ a: { $gtt: 5 } }).toArray(),
    code: 'invalid',
    names: /\$gtt/,
  },
  {
    what: 'an unknown operator at the top of a filter',
    act: (n) => n.count({ $xor: [] }),
    code: 'invalid',
    names: /\$xor/,
  },
  {
    what: 'an operand of the wrong type',
    act: (n) => n.find({ a: { $in: 5 } } as never).toArray(),
    code: 'invalid',
    names: /\$in/,
  },
  { what: '$or without an array', act: (n) => n.find({ $or: {} } as never).toArray(), code: 'invalid', names: /\$or/ },
  { what: 'a filter that is no object', act: (n) => n.find(5 as never).toArray(), code: 'invalid', names: /filter/ },
  {
    what: 'a malformed regular expression',
    act: (n) => n.find({ a: { $regex: '(' } }).toArray(),
    code: 'invalid',
    names: /'a'.*regular expression/,
  },
  {
    what: 'a regular expression that cannot run in linear time',
    act: (n) => n.find({ a: /(x)\1/ }).toArray(),
    code: 'invalid',
    names: /'a'.*regular expression/,
  },
  {
    what: 'a function in a filter',
    act: (n) => n.find({ a: { $gt: (() => 1) as never } }).toArray(),
    code: 'invalid',
    names: /filter\.a\.\$gt.*function/,
  },
  {
    what: 'a malformed sort',
    act: (n) =>
      n
        .find()
        .sort({ a: 2 as never })
        .toArray(),
    code: 'invalid',
    names: /sort/,
  },
  { what: 'a negative limit', act: (n) => n.find().limit(-1).toArray(), code: 'invalid', names: /limit/ },
  { what: 'a fractional skip', act: (n) => n.find().skip(1.5).toArray(), code: 'invalid', names: /skip/ },
  {
    what: 'a projection that mixes',
    act: (n) => n.find().project({ a: 1, b: 0 }).toArray(),
    code: 'invalid',
    names: /projection/i,
  },
  {
    what: 'a cursor of nowhere',
    act: (n) => n.find().after('nonsense').page(),
    code: 'invalid',
    names: /after|cursor|token/i,
  },
  { what: 'a hint at no index', act: (n) => n.find().hint('nothing').toArray(), code: 'invalid', names: /nothing/ },
  {
    what: 'an unknown stage in a pipeline',
    act: (n) => n.aggregate([{ $grupp: {} } as never]),
    code: 'invalid',
    names: /\$grupp/,
  },
  {
    what: 'an unknown update operator',
    act: (n) => n.update('a', { $put: { x: 1 } } as never),
    code: 'invalid',
    names: /\$put/,
  },
  {
    what: 'an update without operators',
    act: (n) => n.update('a', { x: 1 } as never),
    code: 'invalid',
    names: /"?x"?|operator/,
  },
  {
    what: 'an update of the id',
    act: (n) => n.update('a', { $set: { id: 'b' } } as never),
    code: 'invalid',
    names: /id/,
  },
  { what: '$inc of a text', act: (n) => n.update('a', { $inc: { text: 1 } }), code: 'invalid', names: /text/ },
  { what: '$push to a number', act: (n) => n.update('a', { $push: { n: 1 } }), code: 'invalid', names: /\bn\b/ },
  {
    what: 'one path updated twice',
    act: (n) => n.update('a', { $set: { x: 1 }, $inc: { x: 1 } }),
    code: 'invalid',
    names: /x/,
  },
  { what: 'an id that is no text', act: (n) => n.insert({ id: 5 }), code: 'invalid', names: /id.*String\(id\)/ },
  { what: 'an empty id', act: (n) => n.insert({ id: '' }), code: 'invalid', names: /id/ },
  {
    what: 'an id that is too long',
    act: (n) => n.insert({ id: 'x'.repeat(513) }),
    code: 'invalid',
    names: /id.*512|512.*id/,
  },
  { what: 'a document that is no object', act: (n) => n.insert([1] as never), code: 'invalid', names: /document/ },
  {
    what: 'a document above 1 MiB',
    act: (n) => n.insert({ id: 'large', text: 'x'.repeat(1 << 20) }),
    code: 'invalid',
    names: /1 MiB|1048576|large/,
  },
  {
    what: 'a document that is too deep',
    act: (n) => n.insert({ id: 'deep', d: deep(64) }),
    code: 'invalid',
    names: /64/,
  },
  { what: 'a document that contains itself', act: (n) => n.insert(cycle), code: 'invalid', names: /self\.back/ },
  {
    what: 'a function in a document',
    act: (n) => n.insert({ id: 'f', a: [{ f: () => 1 }] }),
    code: 'invalid',
    names: /a\.0\.f/,
  },
  {
    what: 'a Map in a document',
    act: (n) => n.insert({ id: 'm', m: new Map() }),
    code: 'invalid',
    names: /m.*Object\.fromEntries/,
  },
  { what: 'a duplicate id', act: (n) => n.insert({ id: 'a' }), code: 'conflict', reason: 'duplicate-id', names: /'a'/ },
  {
    what: 'a duplicate id within a batch',
    act: (n) => n.insertMany([{ id: 'new' }, { id: 'new' }]),
    code: 'conflict',
    reason: 'duplicate-id',
    names: /'new'/,
  },
  {
    what: 'a unique violation',
    act: (n) => n.insert({ id: 'new', mail: 'a@x' }),
    code: 'conflict',
    reason: 'unique',
    names: /mail/,
  },
  {
    what: 'a bad document in a batch',
    act: (n) => n.insertMany([{ id: 'new' }, { id: 'bad', s: Symbol('s') }]),
    code: 'invalid',
    names: /documents\[1\].*"s"/,
  },
  {
    what: 'a collection name that is empty',
    act: (_, db) => db.collection('').insert({}),
    code: 'invalid',
    names: /collection|name/,
  },
  {
    what: 'a collection name that is reserved',
    act: (_, db) => db.collection('$x').insert({}),
    code: 'invalid',
    names: /\$/,
  },
  { what: 'an index on nothing', act: (n) => n.createIndex([] as never), code: 'invalid', names: /index|fields/ },
  { what: 'an index on an empty path', act: (n) => n.createIndex('a..b'), code: 'invalid', names: /a\.\.b|path/ },
]

/** What the database holds before and after every row. */
const GOOD = { id: 'a', n: 1, text: 'x', mail: 'a@x' }

export const badInput: Claim[] = ROWS.map(({ what, act, code, reason, names }) =>
  claim(`${what} is refused as ${code}, and nothing changes`, async (db) => {
    const notes = db.collection('notes', { indexes: [{ fields: 'mail', unique: true }] }) as unknown as Notes
    await notes.insert(GOOD)
    const error = await rejects(act(notes, db), code, reason)
    holds(names.test(error.message), `${JSON.stringify(error.message)} matches ${String(names)}`)
    equal(await notes.find().toArray(), [GOOD])
    await notes.insert({ id: 'after' })
    equal(await notes.count(), 2, 'the database stays usable')
  }),
)
