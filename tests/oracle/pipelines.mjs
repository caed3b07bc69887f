// Random pipelines.

import { Expressions } from './expressions.mjs'
import { documents, number } from './documents.mjs'
import { filter, sort } from './queries.mjs'

const KEYS = ['$n', '$s', '$b', '$o.p', '$m', null, '$nothing']

function accumulator(r, e) {
  return r.pick([
    () => ({ $sum: r.pick([1, '$n', '$m', '$s', '$nums']) }),
    () => ({ $sum: e.number(1) }),
    () => ({ $avg: r.pick(['$n', '$m', '$o.p']) }),
    () => ({ $min: r.pick(['$n', '$s', '$d']) }),
    () => ({ $max: r.pick(['$n', '$s', '$d']) }),
    () => ({ $first: r.pick(['$n', '$s', '$id', '$o']) }),
    () => ({ $last: r.pick(['$n', '$s', '$id', '$o']) }),
    () => ({ $push: r.pick(['$id', '$n', { id: '$id', n: '$n' }]) }),
    () => ({ $addToSet: r.pick(['$n', '$s']) }),
    () => ({ $count: {} }),
    () => ({ $stdDevPop: '$n' }),
    () => ({ $mergeObjects: '$o' }),
    () => ({ $firstN: { input: '$id', n: r.int(1, 3) } }),
    () => ({ $lastN: { input: '$id', n: r.int(1, 3) } }),
    () => ({ $minN: { input: '$n', n: r.int(1, 3) } }),
    () => ({ $maxN: { input: '$n', n: r.int(1, 3) } }),
    () => ({ $topN: { output: '$id', sortBy: { n: 1, id: 1 }, n: r.int(1, 3) } }),
  ])()
}

function outputs(r, e) {
  return Object.fromEntries(r.list(1, 3, () => null).map((_, at) => [`out${at}`, accumulator(r, e)]))
}

function project(r, e) {
  if (r.chance(0.3)) return Object.fromEntries(r.some(['n', 's', 'o.p', 'list', 'mix'], r.int(1, 3)).map((path) => [path, 0]))
  const fields = Object.fromEntries(r.some(['n', 's', 'o.p', 'o.q', 'tags', 'd'], r.int(1, 3)).map((path) => [path, 1]))
  if (r.chance(0.6)) fields.made = e.any(1)
  return fields
}

/** A stage that keeps rows like documents, as far as the next one can tell. */
function stage(r) {
  const e = new Expressions(r)
  return r.pick([
    () => ({ $match: filter(r) }),
    () => ({ $match: { $expr: e.bool(2) } }),
    () => ({ $addFields: { [r.pick(['n', 'made'])]: e.number(1) } }),
    () => ({ $addFields: { 'o.p': { $ifNull: [e.number(1), 0] } } }),
    () => ({ $set: { made: e.any(1) } }),
    () => ({ $project: project(r, e) }),
    () => ({ $unset: r.some(['n', 's', 'o.p', 'list'], r.int(1, 2)) }),
    () => ({ $sort: { ...sort(r), id: 1 } }),
    () => ({ $skip: r.int(0, 2) }),
    () => ({ $limit: r.int(1, 5) }),
    () => ({ $unwind: r.chance(0.5) ? r.pick(['$nums', '$tags', '$list']) : { path: r.pick(['$nums', '$tags', '$list']), preserveNullAndEmptyArrays: r.chance(0.5), includeArrayIndex: 'at' } }),
    () => ({ $lookup: { from: 'other', localField: r.pick(['n', 's', 'o.p']), foreignField: r.pick(['n', 's', 'm']), as: 'found' } }),
    () => ({ $unionWith: { coll: 'other', pipeline: [{ $match: filter(r) }] } }),
  ])()
}

/** A stage that ends a pipeline. */
function last(r) {
  const e = new Expressions(r)
  return r.pick([
    () => [{ $group: { _id: r.pick(KEYS), ...outputs(r, e) } }],
    () => [{ $group: { _id: r.pick(KEYS), ...outputs(r, e) } }, { $sort: { _id: 1 } }],
    () => [{ $group: { _id: { a: '$n', b: '$b' }, ...outputs(r, e) } }],
    () => [{ $group: { _id: e.number(1), n: { $sum: 1 } } }],
    () => [{ $match: { n: { $type: 'number' } } }, { $bucket: { groupBy: '$n', boundaries: [-5.5123, 0.7123, 3.5123, 1000.123], output: { ...outputs(r, e), count: { $sum: 1 } } } }],
    () => [{ $match: { n: { $type: 'number' } } }, { $bucketAuto: { groupBy: '$n', buckets: r.int(1, 4) } }],
    () => [{ $count: 'count' }],
    () => [{ $facet: { one: [stage(r)], two: [stage(r), { $count: 'count' }], three: [{ $group: { _id: '$s', n: { $sum: 1 } } }] } }],
    () => [{ $replaceRoot: { newRoot: { $ifNull: ['$o', {}] } } }],
    () => [{ $replaceWith: { id: '$id', value: e.any(1) } }],
    () => [{ $sortByCount: r.pick(KEYS.slice(0, 5)) }, { $group: { _id: '$count', n: { $sum: 1 } } }, { $sort: { _id: 1 } }],
  ])()
}

/** A pipeline over one collection, with another to look into. */
export function pipeline(r, docs) {
  const stages = r.list(0, 3, () => stage(r))
  return { kind: 'pipeline', docs, other: documents(r, 0, 5, 'x'), pipeline: r.chance(0.7) ? [...stages, ...last(r)] : stages }
}

export { number }
