// Random expressions, by the kind of value they give, so that most of them mean something.

import { date, number, scalar, word } from './documents.mjs'

const UNITS = ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond']
const PARTS = ['$year', '$month', '$dayOfMonth', '$hour', '$minute', '$second', '$millisecond', '$dayOfWeek', '$dayOfYear', '$isoDayOfWeek', '$isoWeek']
const COMPARE = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte']

/** The elements that are not null. */
const solid = (input) => ({ $filter: { input, as: 'x', cond: { $ne: ['$$x', null] } } })

/** Makes expressions over the fields of documents, `$` being the prefix of paths. */
export class Expressions {
  #r
  #variables

  constructor(r, variables = []) {
    this.#r = r
    this.#variables = variables
  }

  #one(choices) {
    return this.#r.pick(choices)()
  }

  #with(...names) {
    return new Expressions(this.#r, [...this.#variables, ...names])
  }

  number(depth = 2) {
    const r = this.#r
    const leaf = [() => number(r), () => r.pick(['$n', '$m', '$o.p', '$o.r.z']), () => '$n']
    if (this.#variables.includes('x')) leaf.push(() => '$$x')
    if (depth === 0) return this.#one(leaf)
    const inner = () => this.number(depth - 1)
    return this.#one([
      ...leaf,
      () => ({ $add: r.list(1, 3, inner) }),
      () => ({ $subtract: [inner(), inner()] }),
      () => ({ $multiply: r.list(1, 3, inner) }),
      () => ({ $divide: [inner(), r.pick([1, 2, -4, 0.5])] }),
      () => ({ $mod: [this.#solid('number', depth - 1), r.pick([2, 3, -2, 2.5])] }),
      () => ({ [r.pick(['$abs', '$ceil', '$floor'])]: inner() }),
      () => ({ $trunc: [inner(), 0] }),
      () => ({ $round: [inner(), 0] }),
      () => ({ $sqrt: { $abs: inner() } }),
      () => ({ $pow: [inner(), r.pick([1, 2, 3])] }),
      () => ({ $exp: { $mod: [this.#solid('number', depth - 1), 5] } }),
      () => ({ [r.pick(['$ln', '$log10'])]: { $add: [{ $abs: inner() }, 1] } }),
      () => ({ $cond: [this.bool(depth - 1), inner(), inner()] }),
      () => ({ $cond: { if: this.bool(depth - 1), then: inner(), else: inner() } }),
      () => ({ $ifNull: [inner(), number(r)] }),
      () => ({ $switch: { branches: r.list(1, 2, () => ({ case: this.bool(depth - 1), then: inner() })), default: inner() } }),
      () => ({ $let: { vars: { x: inner() }, in: this.#with('x').number(depth - 1) } }),
      () => ({ $size: this.numbers(depth - 1) }),
      () => ({ $arrayElemAt: [solid(this.numbers(depth - 1)), r.int(-2, 3)] }),
      () => ({ $first: solid(this.numbers(depth - 1)) }),
      () => ({ [r.pick(['$sum', '$avg'])]: this.numbers(depth - 1) }),
      () => ({ [r.pick(['$min', '$max'])]: solid(this.numbers(depth - 1)) }),
      () => ({ $reduce: { input: this.numbers(depth - 1), initialValue: 0, in: { [r.pick(['$add', '$subtract'])]: ['$$value', '$$this'] } } }),
      () => ({ $indexOfArray: [this.numbers(depth - 1), number(r)] }),
      () => ({ $strLenCP: this.text(depth - 1) }),
      () => ({ $strcasecmp: [this.#solid('text', depth - 1), this.#solid('text', depth - 1)] }),
      () => ({ $cmp: [this.#solid('number', depth - 1), this.#solid('number', depth - 1)] }),
      () => ({ [r.pick(PARTS)]: this.date(depth - 1) }),
      () => ({ $dateDiff: { startDate: this.date(0), endDate: this.date(0), unit: r.pick(UNITS) } }),
      () => ({ $toDouble: r.pick(['$n', '$b', '12.5', '$d']) }),
      () => ({ $toInt: r.pick(['$n', '$b', '12']) }),
      () => ({ $convert: { input: r.pick(['$n', '$s', '$b', 'x']), to: 'double', onError: -7, onNull: -8 } }),
      () => ({ $getField: { field: r.pick(['p', 'q']), input: '$o' } }),
    ])
  }

  /** A number or text that is never null: mingo compares null with other types in an order of its own. */
  #solid(kind, depth) {
    return kind === 'number' ? { $ifNull: [this.number(depth), number(this.#r)] } : { $ifNull: [this.text(depth), word(this.#r)] }
  }

  bool(depth = 2) {
    const r = this.#r
    const leaf = [() => '$b', () => r.chance(0.5), () => ({ [r.pick(COMPARE)]: [this.#solid('number', 0), this.#solid('number', 0)] })]
    if (depth === 0) return this.#one(leaf)
    const inner = () => this.bool(depth - 1)
    return this.#one([
      ...leaf,
      () => ({ $and: r.list(0, 3, inner) }),
      () => ({ $or: r.list(0, 3, inner) }),
      () => ({ $not: [inner()] }),
      () => ({ [r.pick(COMPARE)]: [this.#solid('text', depth - 1), this.#solid('text', depth - 1)] }),
      () => ({ [r.pick(COMPARE)]: [this.date(0), this.date(0)] }),
      () => ({ $in: [this.#solid('number', depth - 1), this.numbers(depth - 1)] }),
      () => ({ $isArray: [r.pick(['$nums', '$n', '$mix', '$nothing'])] }),
      () => ({ $regexMatch: { input: this.text(depth - 1), regex: r.pick(['^a', 'b', 'C$', '.']), ...(r.chance(0.4) ? { options: 'i' } : {}) } }),
      () => ({ $setIsSubset: [this.numbers(0), this.numbers(0)] }),
      () => ({ $setEquals: [this.numbers(0), this.numbers(0)] }),
      () => ({ [r.pick(['$anyElementTrue', '$allElementsTrue'])]: [this.numbers(0)] }),
      () => ({ $toBool: r.pick(['$n', '$s', '$b', '$d']) }),
      () => ({ $isNumber: r.pick(['$n', '$s', '$nothing']) }),
    ])
  }

  text(depth = 2) {
    const r = this.#r
    const leaf = [() => word(r), () => r.pick(['$s', '$o.q']), () => ({ $ifNull: ['$s', 'none'] })]
    if (this.#variables.includes('w')) leaf.push(() => '$$w')
    if (depth === 0) return this.#one(leaf)
    const inner = () => this.text(depth - 1)
    return this.#one([
      ...leaf,
      () => ({ $concat: r.list(1, 3, inner) }),
      () => ({ [r.pick(['$toLower', '$toUpper'])]: { $ifNull: [inner(), 'None'] } }),
      () => ({ $substrCP: [inner(), r.int(0, 2), r.int(0, 3)] }),
      () => ({ [r.pick(['$trim', '$ltrim', '$rtrim'])]: { input: inner(), ...(r.chance(0.5) ? { chars: r.pick(['a', 'ab', ' c']) } : {}) } }),
      () => ({ [r.pick(['$replaceOne', '$replaceAll'])]: { input: inner(), find: r.pick(['a', 'b', ',']), replacement: r.pick(['', 'zz']) } }),
      () => ({ $cond: [this.bool(depth - 1), inner(), inner()] }),
      () => ({ $let: { vars: { w: inner() }, in: this.#with('w').text(depth - 1) } }),
      () => ({ $toString: r.pick(['$n', '$b', '$s', '$d']) }),
      () => ({ $dateToString: { date: this.date(0), ...(r.chance(0.6) ? { format: r.pick(['%Y-%m-%d', '%H:%M:%S.%L', '%d/%m/%Y %j', '%Y week %V day %u']) } : {}) } }),
      () => ({ $type: r.pick(['$n', '$s', '$b', '$d', '$nums', '$o', '$nothing']) }),
      () => ({ $arrayElemAt: [{ $split: [inner(), r.pick([',', ' ', 'b'])] }, 0] }),
      () => ({ $reduce: { input: '$tags', initialValue: '', in: { $concat: ['$$value', '$$this'] } } }),
    ])
  }

  date(depth = 1) {
    const r = this.#r
    const leaf = [() => ({ $ifNull: ['$d', date(r)] }), () => ({ $ifNull: ['$d', date(r)] }), () => date(r)]
    if (depth === 0) return this.#one(leaf)
    return this.#one([
      ...leaf,
      () => ({ $dateTrunc: { date: this.date(depth - 1), unit: r.pick(UNITS), ...(r.chance(0.3) ? { binSize: r.int(1, 4) } : {}) } }),
      () => ({ [r.pick(['$dateAdd', '$dateSubtract'])]: { startDate: this.date(depth - 1), unit: r.pick(UNITS), amount: r.int(-30, 30) } }),
      () => ({ $toDate: r.pick(['2024-02-29', '2024-02-29T12:30:00Z', '2024-02-29T12:30:00.250+02:00', 1709208000000]) }),
      () => ({ $add: [this.date(depth - 1), r.int(-100000, 100000)] }),
      () => ({ $subtract: [this.date(depth - 1), r.int(-100000, 100000)] }),
    ])
  }

  numbers(depth = 2) {
    const r = this.#r
    const leaf = [() => ({ $ifNull: ['$nums', []] }), () => ({ $ifNull: ['$list.k', []] }), () => ({ $literal: r.list(0, 4, () => number(r)) })]
    if (depth === 0) return this.#one(leaf)
    const inner = () => this.numbers(depth - 1)
    const sorted = (set) => ({ $sortArray: { input: solid(set), sortBy: 1 } })
    return this.#one([
      ...leaf,
      () => ({ $concatArrays: [r.list(0, 3, () => this.number(depth - 1)), []] }),
      () => ({ $map: { input: inner(), as: 'x', in: this.#with('x').number(depth - 1) } }),
      () => ({ $filter: { input: inner(), as: 'x', cond: { [r.pick(COMPARE)]: [{ $ifNull: ['$$x', 0] }, number(r)] }, ...(r.chance(0.2) ? { limit: r.int(1, 3) } : {}) } }),
      () => ({ $slice: [inner(), r.int(-3, 3)] }),
      () => ({ $slice: [inner(), r.int(-3, 3), r.int(1, 3)] }),
      () => ({ $concatArrays: r.list(1, 3, inner) }),
      () => ({ $reverseArray: inner() }),
      () => ({ $range: [r.int(-3, 3), r.int(-3, 6), r.pick([1, 2, -1])] }),
      () => ({ $sortArray: { input: solid({ $ifNull: ['$nums', []] }), sortBy: r.pick([1, -1]) } }),
      () => sorted({ $setUnion: [inner(), inner()] }),
      () => sorted({ $setIntersection: [inner(), inner()] }),
      () => sorted({ $setDifference: [inner(), inner()] }),
    ])
  }

  object(depth = 1) {
    const r = this.#r
    const leaf = [() => '$o', () => ({ a: { $ifNull: [this.number(depth), 0] }, b: { $ifNull: [this.text(depth), ''] } })]
    if (depth === 0) return this.#one(leaf)
    return this.#one([
      ...leaf,
      () => ({ $mergeObjects: r.list(1, 3, () => this.object(depth - 1)) }),
      () => ({ $arrayToObject: { $objectToArray: this.object(depth - 1) } }),
      () => ({ $setField: { field: r.pick(['p', 'new']), input: this.object(depth - 1), value: this.number(depth - 1) } }),
      () => ({ $arrayToObject: { $concatArrays: [[{ k: 'a', v: { $ifNull: [this.number(depth - 1), 0] } }], [{ k: 'b', v: { $ifNull: [this.text(depth - 1), ''] } }]] } }),
    ])
  }

  /** An expression of any kind. */
  any(depth = 2) {
    return this.#one([
      () => this.number(depth),
      () => this.number(depth),
      () => this.bool(depth),
      () => this.text(depth),
      () => this.date(depth),
      () => this.numbers(depth),
      () => this.object(depth),
      () => ({ $zip: { inputs: [this.numbers(0), this.numbers(0)], useLongestLength: true } }),
      () => ({ $objectToArray: this.object(0) }),
      () => ({ $literal: scalar(this.#r) }),
    ])
  }
}

/** An expression over one document. */
export function expression(r, doc) {
  return { kind: 'expression', doc, expression: { value: new Expressions(r).any(r.int(1, 3)) } }
}
