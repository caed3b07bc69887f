// What mingo answers to a case.

import { Aggregator, Query, update as mingoUpdate } from 'mingo'

const NOW = 1_700_000_000_000

function copy(value) {
  return structuredClone(value)
}

/** The reference's answer, or its error. */
export function reference(case_) {
  try {
    return { result: ANSWERS[case_.kind](copy(case_)) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Holes in arrays as null, which is how they would be stored. */
function fill(value) {
  if (Array.isArray(value)) return Array.from(value, (item) => (item === undefined ? null : fill(item)))
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]))
}

const options = (case_) => ({ idKey: 'id', collectionResolver: () => copy(case_.other ?? []) })

const ANSWERS = {
  find(case_) {
    let cursor = new Query(case_.filter, options(case_)).find(case_.docs, case_.projection)
    if (case_.sort) cursor = cursor.sort(case_.sort)
    if (case_.skip) cursor = cursor.skip(case_.skip)
    if (case_.limit) cursor = cursor.limit(case_.limit)
    return cursor.all()
  },
  update(case_) {
    const now = Date.now
    Date.now = () => NOW
    try {
      mingoUpdate(case_.doc, case_.update, case_.arrayFilters ?? [], {}, { cloneMode: 'deep', queryOptions: options(case_) })
    } finally {
      Date.now = now
    }
    return fill(case_.doc)
  },
  expression(case_) {
    return new Aggregator([{ $replaceWith: case_.expression }], options(case_)).run([case_.doc])[0]
  },
  pipeline(case_) {
    return new Aggregator(case_.pipeline, options(case_)).run(case_.docs)
  },
}
