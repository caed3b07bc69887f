// Makes a failing case smaller: leaves out fields, elements and whole parts as long as it still fails.

/** The smallest failing case found in a bounded number of tries. */
export async function shrink(case_, fails) {
  let smallest = case_
  let tries = 400
  for (let progress = true; progress && tries > 0; ) {
    progress = false
    for (const smaller of reductions(smallest)) {
      if (tries-- <= 0) break
      if (await fails(smaller)) {
        smallest = smaller
        progress = true
        break
      }
    }
  }
  return smallest
}

const FIXED = new Set(['kind', 'id', 'doc', 'docs', 'filter', 'update', 'arrayFilters', 'pipeline', 'expression'])

function* reductions(value) {
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) yield value.filter((_, other) => other !== at)
    for (let at = 0; at < value.length; at++) {
      for (const smaller of reductions(value[at])) yield value.map((item, other) => (other === at ? smaller : item))
    }
  } else if (value !== null && typeof value === 'object' && value.constructor === Object) {
    const keys = Object.keys(value)
    for (const key of keys) {
      if (!FIXED.has(key)) yield Object.fromEntries(keys.filter((other) => other !== key).map((other) => [other, value[other]]))
    }
    for (const key of keys) {
      if (key.startsWith('$') && value[key] !== null && typeof value[key] === 'object' && !Array.isArray(value[key])) yield value[key]
      if (key === 'arrayFilters') continue
      for (const smaller of reductions(value[key])) yield { ...value, [key]: smaller }
    }
  }
}
