// Where Tidewell and mingo differ on purpose, and when that explains a case. docs/QUERY.md has the same list for people.
//
// In each of them Tidewell does what MongoDB does, unless it says otherwise.

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
    explains: condition(({ operator, operand }) => /^\$[gl]te?$/.test(operator) && Array.isArray(operand)),
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
    explains: (case_, ours, theirs) => case_.kind === 'update' && refuses(/needs (a number|an integer|an array)|cannot be created/)(case_, ours, theirs),
  },
  {
    name: '$addToSet leaves duplicates that are there already alone, and adds none of its own',
    explains: (case_) => case_.kind === 'update' && '$addToSet' in case_.update,
  },
]

/** The difference that explains why the two answers to a case are not the same, if there is one. */
export function explain(case_, ours, theirs) {
  return DIFFERENCES.find((difference) => difference.explains(case_, ours, theirs))
}

export { uses }
