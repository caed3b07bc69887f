// Random updates.

import { any, date, number, scalar, word } from './documents.mjs'

const NUMBERS = ['n', 'm', 'o.p', 'o.r.z', 'nums.0', 'list.0.k', 'new', 'new2.deep']
const ARRAYS = ['nums', 'tags', 'list', 'new3']
const ANY = ['n', 's', 'b', 'd', 'mix', 'o.q', 'o.new.deep', 'new4', 'tags.1', 'list.0.v', 'nums.6']
const OLD = ['n', 's', 'o.q', 'o.r', 'mix', 'd']

function element(r, path) {
  if (path === 'nums') return number(r)
  if (path === 'tags') return word(r)
  if (path === 'list') return { k: number(r), v: word(r) }
  return scalar(r)
}

function push(r, path) {
  if (r.chance(0.4)) return element(r, path)
  return {
    $each: r.list(0, 3, () => element(r, path)),
    ...(r.chance(0.3) ? { $position: r.int(0, 3) } : {}),
    ...(r.chance(0.3) ? { $sort: path === 'list' ? { k: r.pick([1, -1]) } : r.pick([1, -1]) } : {}),
    ...(r.chance(0.3) ? { $slice: r.int(-3, 3) } : {}),
  }
}

function pull(r, path) {
  if (path === 'list') return r.pick([() => ({ k: number(r) }), () => ({ k: { $gte: number(r) } }), () => ({ v: word(r), k: { $ne: number(r) } })])()
  return r.pick([() => element(r, path), () => ({ $gte: element(r, path) }), () => ({ $in: r.list(0, 3, () => element(r, path)) })])()
}

const OPERATORS = {
  $set: [ANY, (r) => (r.chance(0.3) ? any(r) : scalar(r))],
  $unset: [ANY, () => ''],
  $inc: [NUMBERS, (r) => number(r)],
  $mul: [NUMBERS, (r) => number(r)],
  $min: [[...NUMBERS, 's', 'd'], (r, path) => (path === 's' ? word(r) : path === 'd' ? date(r) : number(r))],
  $max: [[...NUMBERS, 's', 'd'], (r, path) => (path === 's' ? word(r) : path === 'd' ? date(r) : number(r))],
  $rename: [OLD, (r) => `renamed${r.int(0, 9)}${r.chance(0.3) ? '.deep' : ''}`],
  $push: [ARRAYS, push],
  $addToSet: [ARRAYS, (r, path) => (r.chance(0.6) ? element(r, path) : { $each: r.list(0, 3, () => element(r, path)) })],
  $pull: [ARRAYS, pull],
  $pullAll: [ARRAYS, (r, path) => r.list(0, 3, () => element(r, path))],
  $pop: [ARRAYS, (r) => r.pick([1, -1])],
  $bit: [['n', 'm', 'new'], (r) => ({ [r.pick(['and', 'or', 'xor'])]: r.int(0, 15) })],
  $currentDate: [['d', 'new5'], (r) => r.pick([true, { $type: 'date' }])],
}

/** What `$[x]` stands for, and an operator for those elements. */
const ELEMENTS = [
  [(r) => ({ 'x.k': r.pick([{ $gte: number(r) }, { $lt: number(r) }, number(r)]) }), (r) => r.pick([{ $set: { 'list.$[x].v': word(r) } }, { $inc: { 'list.$[x].k': number(r) } }, { $unset: { 'list.$[x].v': '' } }])],
  [(r) => ({ x: r.pick([{ $gte: number(r) }, { $lt: number(r) }, number(r)]) }), (r) => r.pick([{ $set: { 'nums.$[x]': number(r) } }, { $mul: { 'nums.$[x]': number(r) } }, { $max: { 'nums.$[x]': number(r) } }])],
  [(r) => ({ x: r.pick([{ $in: [word(r), word(r)] }, { $gt: word(r) }]) }), (r) => ({ $set: { 'tags.$[x]': word(r) } })],
]

/** An update of one document. */
export function update(r, doc) {
  if (r.chance(0.2)) {
    const [condition, operators] = r.pick(ELEMENTS)
    return { kind: 'update', doc, update: operators(r), arrayFilters: [condition(r)] }
  }
  const operators = {}
  for (const name of r.some(Object.keys(OPERATORS), r.int(1, 2))) {
    const [paths, operand] = OPERATORS[name]
    operators[name] = Object.fromEntries(r.some(paths, r.chance(0.7) ? 1 : 2).map((path) => [path, operand(r, path)]))
  }
  return { kind: 'update', doc, update: operators }
}
