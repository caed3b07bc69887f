// Where Tidewell and mingo differ on purpose, and when that explains a case. docs/QUERY.md has the same list for people.
//
// In each of them Tidewell does what MongoDB does, unless it says otherwise.

import { same } from './tagged.mjs'

/** The conditions of a filter: path, operator and operand, wherever they stand. */
function conditions(filter, found = []) {
  for (const [name, value] of Object.entries(filter)) {
    if (name === '$expr') continue
    if (name.startsWith('$')) value.forEach((inner) => conditions(inner, found))
    else operators(name, value, found)
  }
  return found
}

function operators(path, value, found) {
  const isOperators = value !== null && typeof value === 'object' && Object.keys(value).some((key) => key.startsWith('$'))
  if (!isOperators) return found.push({ path, operator: '$eq', operand: value })
  for (const [operator, operand] of Object.entries(value)) {
    found.push({ path, operator, operand })
    if (operator === '$not' || (operator === '$elemMatch' && path !== 'list')) operators(path, operand, found)
    if (operator === '$elemMatch' && path === 'list') conditions(operand, found)
  }
}

/** Every filter in a case. */
function filters(case_) {
  if (case_.kind === 'find') return [case_.filter]
  return stages(case_.pipeline ?? []).flatMap((stage) => (stage.$match ? [stage.$match] : []))
}

function stages(pipeline) {
  return pipeline.flatMap((stage) => [
    stage,
    ...stages(stage.$unionWith?.pipeline ?? []),
    ...Object.values(stage.$facet ?? {}).flatMap(stages),
  ])
}

/** What a path reaches, through arrays too; arrays themselves included. */
function reach(value, path) {
  if (path === '') return Array.isArray(value) ? [value, ...value] : [value]
  const [name, ...rest] = path.split('.')
  const next = rest.join('.')
  if (Array.isArray(value)) {
    const index = /^\d+$/.test(name) ? reach(value[Number(name)], next) : []
    return [...index, ...value.filter((item) => item !== null && typeof item === 'object').flatMap((item) => reach(item, path))]
  }
  return value === null || typeof value !== 'object' ? [undefined] : reach(value[name], next)
}

const throughArray = (path) => /^(list|nums|tags|mix)/.test(path)
const isNull = (value) => value === null || value === undefined
const documents = (case_) => [...(case_.docs ?? [case_.doc]), ...(case_.other ?? [])]

/** Whether some condition of a case's filters is as `holds` says. */
const condition = (holds) => (case_) => filters(case_).some((filter) => conditions(filter).some((found) => holds(found, documents(case_))))

const uses = (case_, pattern) => pattern.test(JSON.stringify(case_.expression ?? case_.pipeline ?? case_.update ?? {}))
const refuses = (pattern) => (_, ours, theirs) => 'error' in ours && !('error' in theirs) && pattern.test(ours.error)

const repeats = (items) => Array.isArray(items) && new Set(items.map((item) => JSON.stringify(item))).size < items.length

/** Each: a name, and whether it explains the difference of a case. */
export const DIFFERENCES = [
  {
    name: '$all matches a value that is no array, and null',
    explains: condition(({ path, operator, operand }, docs) => operator === '$all' && (operand.some(isNull) || docs.some((doc) => reach(doc, path).some((value) => !Array.isArray(value))))),
  },
  {
    name: '$type looks at the elements of an array, and at nothing where there is nothing',
    explains: condition(({ path, operator }) => operator === '$type' && throughArray(path)),
  },
  {
    name: '$mod cuts fractions off and matches numbers only',
    explains: condition(({ path, operator }, docs) => operator === '$mod' && docs.some((doc) => reach(doc, path).some((value) => !Number.isInteger(value)))),
  },
  {
    name: '$gte and $lte of null match null and missing',
    explains: condition(({ operator, operand }) => (operator === '$gte' || operator === '$lte') && operand === null),
  },
  {
    name: 'comparisons with an array compare whole arrays',
    explains: condition(({ operator, operand }) => (/^\$[gl]te?$/.test(operator) && Array.isArray(operand)) || (/^\$n?in$/.test(operator) && operand.some(Array.isArray))),
  },
  {
    name: 'null through an array: elements that lack the field match, empty arrays and missing places do not',
    explains: condition(({ path, operator, operand }) => throughArray(path) && /^\$(eq|ne|in|nin|all)$/.test(operator) && [operand].flat().some(isNull)),
  },
  {
    name: '$size of a path through an array looks at each array it reaches',
    explains: condition(({ path, operator }) => operator === '$size' && path.includes('.') && throughArray(path)),
  },
  {
    name: 'an update needs an operator',
    explains: (case_) => case_.kind === 'update' && Object.keys(case_.update).length === 0,
  },
  {
    name: 'what an update cannot do is an error, not ignored',
    explains: (case_, ours, theirs) => case_.kind === 'update' && refuses(/needs (a number|an integer|an array)|cannot be created|where there is no array/)(case_, ours, theirs),
  },
  {
    name: 'conditions on elements are about one name that the update uses',
    explains: (case_, ours, theirs) => case_.kind === 'update' && !/\$\[x\]/.test(JSON.stringify(case_.update)) && refuses(/^arrayFilters/)(case_, ours, theirs),
  },
  {
    name: '$addToSet leaves duplicates that are there already alone, and adds none of its own',
    explains: (case_) => case_.kind === 'update' && Object.entries(case_.update.$addToSet ?? {}).some(([path, operand]) => repeats(case_.doc[path]) || repeats(operand?.$each)),
  },
  {
    name: '$push with modifiers applies them to an array it creates, too',
    explains: (case_) => case_.kind === 'update' && Object.entries(case_.update.$push ?? {}).some(([path, operand]) => !(path in case_.doc) && operand?.$each !== undefined),
  },
  {
    name: 'objects compare field by field in their order, the type of the value before the name',
    explains: condition(({ operator, operand }) => /^\$[gl]te?$/.test(operator) && operand !== null && operand.constructor === Object),
  },
  {
    name: 'upper and lower case are ASCII',
    explains: (case_) => uses(case_, /\$to(Upper|Lower)/) && /[^\x00-\x7f]/.test(JSON.stringify(case_)),
  },
  {
    name: '$dateDiff counts the boundaries between two dates',
    explains: (case_) => uses(case_, /\$dateDiff/) && uses(case_, /"(minute|second)"/),
  },
  {
    name: '$sum, $avg, $min and $max as expressions take a value that is no array',
    explains: (_, ours, theirs) => /must resolve to array for \$(sum|avg|min|max)/.test(theirs.error ?? '') && 'result' in ours,
  },
  {
    name: '$getField of null is null',
    explains: (case_) => uses(case_, /\$getField/),
  },
  {
    name: '$unwind keeps empty strings',
    explains: (case_) => uses(case_, /\$unwind.*\$unwind/) && JSON.stringify(documents(case_)).includes('""'),
  },
  {
    name: 'a field set to an object of expressions keeps its other fields, and is set in each element of an array',
    explains: (case_) => uses(case_, /"\$set":\{"made".*"\$set":\{"made"/),
  },
  {
    name: 'rows share nothing: changing a field leaves copies of it alone',
    explains: (case_) => uses(case_, /("made":.*\$o|\$unwind|\$facet|\$lookup|\$unionWith).*"(\$unset|o\.p)"/),
  },
  {
    name: 'an array that an update makes longer is filled with null before its other operators see it',
    explains: (case_) => case_.kind === 'update' && /"nums\.6"/.test(JSON.stringify(case_.update)) && /"nums\.0"/.test(JSON.stringify(case_.update)),
  },
  {
    name: '$round looks at all digits, and goes half to even',
    explains: (case_) => uses(case_, /\$round/),
  },
  {
    name: 'an empty string is no number',
    explains: (case_) => uses(case_, /\$convert/),
  },
  {
    name: 'a date that would fall behind the end of its month is the last of that month',
    explains: (case_) => uses(case_, /\$date(Add|Subtract)/) && uses(case_, /"(year|quarter|month)"/),
  },
]

const isRow = (value) => value !== null && typeof value === 'object' && value.constructor === Object

/** Each: a name, and the result as it would be without that difference. */
export const ADJUSTMENTS = [
  {
    name: 'empty buckets, and the count of no rows, are left out',
    adjust: (value) => (Array.isArray(value) ? value.filter((row) => !isRow(row) || row.count !== 0) : value),
  },
  {
    name: '$addToSet does not add what is missing',
    adjust: (value, case_) => (Array.isArray(value) && uses(case_, /\$addToSet/) ? value.filter((item) => !isNull(item)) : value),
  },
  {
    name: '$stdDevPop of no numbers is null',
    adjust: (value) => (Number.isNaN(value) ? null : value),
  },
]

function adjusted(value, case_, adjust) {
  const outer = adjust(value, case_)
  if (Array.isArray(outer)) return outer.map((item) => adjusted(item, case_, adjust))
  return isRow(outer) ? Object.fromEntries(Object.entries(outer).map(([key, inner]) => [key, adjusted(inner, case_, adjust)])) : outer
}

/** The difference that explains why the two answers to a case are not the same, if there is one. */
export function explain(case_, ours, theirs) {
  if (case_.kind === 'pipeline' && 'result' in ours && 'result' in theirs) {
    let [mine, other] = [ours.result, theirs.result]
    for (const { name, adjust } of ADJUSTMENTS) {
      ;[mine, other] = [mine, other].map((result) => adjusted(result, case_, adjust))
      if (same(mine, other)) return { name }
    }
  }
  return DIFFERENCES.find((difference) => difference.explains(case_, ours, theirs))
}
