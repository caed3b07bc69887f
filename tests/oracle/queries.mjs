// Random filters, sorts and projections.

import { ALL_FIELDS, FIELDS, like, number, word } from './documents.mjs'

const TYPES = ['number', 'string', 'object', 'array', 'bool', 'date', 'null', 'int', 'double']
const PATTERNS = [/^a/, /b/, /B/i, /c$/, /^.$/, /a.*c/i, /[xy],/]

/** A condition on the value at `path`. */
function condition(r, path, depth = 0) {
  const operators = {
    $eq: () => like(r, path),
    $ne: () => like(r, path),
    $gt: () => like(r, path),
    $gte: () => like(r, path),
    $lt: () => like(r, path),
    $lte: () => like(r, path),
    $in: () => r.list(0, 3, () => like(r, path)),
    $nin: () => r.list(0, 3, () => like(r, path)),
    $exists: () => r.chance(0.5),
    $type: () => r.pick(TYPES),
    $size: () => r.int(0, 3),
    $all: () => r.list(1, 2, () => like(r, path)),
    $mod: () => [r.int(2, 3), r.int(0, 2)],
    $regex: () => r.pick(PATTERNS),
    $not: () => condition(r, path, depth + 1),
    $elemMatch: () => (path === 'list' ? filter(r, 1, ['k', 'v']) : { $gt: like(r, path), ...(r.chance(0.4) ? { $lt: like(r, path) } : {}) }),
  }
  if (depth === 0 && r.chance(0.25)) return like(r, path)
  const names = Object.keys(operators).filter((name) => (name !== '$not' || depth === 0) && (name !== '$elemMatch' || /^(nums|tags|list|mix)$/.test(path)))
  return Object.fromEntries(r.some(names, r.chance(0.8) ? 1 : 2).map((name) => [name, operators[name]()]))
}

/** A filter. */
export function filter(r, depth = 0, paths = [...ALL_FIELDS, 'nums.0', 'list.1.k', 'tags.1']) {
  const query = {}
  for (const path of r.some(paths, r.int(depth > 0 ? 1 : 0, 2))) query[path] = condition(r, path)
  if (depth < 2 && r.chance(0.25)) query[r.pick(['$and', '$or', '$nor'])] = r.list(1, 3, () => filter(r, depth + 1, paths))
  return query
}

/** A sort by one to three fields. */
export function sort(r) {
  const paths = ['n', 'm', 's', 'b', 'd', 'o.p', 'o.q', 'o.r.z']
  return Object.fromEntries(r.some(paths, r.int(1, 3)).map((path) => [path, r.pick([1, -1])]))
}

/** A projection of `find`. */
export function projection(r) {
  const paths = r.some(['n', 's', 'o.p', 'o.q', 'list.k', 'tags', 'mix', 'd', 'nothing'], r.int(1, 3))
  const keep = r.chance(0.5) ? 1 : 0
  const fields = Object.fromEntries(paths.map((path) => [path, keep]))
  if (r.chance(0.2)) fields.id = 0
  return fields
}

/** A query with everything around it. */
export function find(r, documents) {
  return {
    kind: 'find',
    docs: documents,
    filter: filter(r),
    ...(r.chance(0.6) ? { sort: sort(r) } : {}),
    ...(r.chance(0.2) ? { skip: r.int(0, 3) } : {}),
    ...(r.chance(0.3) ? { limit: r.int(1, 4) } : {}),
    ...(r.chance(0.3) ? { projection: projection(r) } : {}),
  }
}

export { FIELDS, number, word }
