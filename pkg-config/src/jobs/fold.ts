/**
 * Plain numbers that a function emitted, put together before the engine reduces them: what crosses over and is stored is then one number
 * a key and slice. Anything else (BigInt, dates, what is no number, sums beyond 2^53) goes to the engine as it is.
 */

/** Makes fewer values of several of the same key. */
export type Fold = (values: readonly unknown[]) => unknown[]

const pick =
  (better: (a: number, b: number) => boolean): Fold =>
  (values) => {
    let best: number | undefined
    const rest: unknown[] = []
    for (const value of values) {
      if (typeof value !== 'number' || Number.isNaN(value)) rest.push(value)
      else if (best === undefined || better(value, best)) best = value
    }
    return best === undefined ? rest : [best, ...rest]
  }

const sum: Fold = (values) => {
  let total: number | undefined
  const rest: unknown[] = []
  for (const value of values) {
    const next = typeof value === 'number' ? (total ?? 0) + value : Number.NaN
    if (!Number.isFinite(next) || (Number.isInteger(next) && !Number.isSafeInteger(next))) rest.push(value)
    else total = next
  }
  return total === undefined ? rest : [total, ...rest]
}

/** What folds for that reduction of the engine; undefined if its values must all be seen. */
export function foldOf(reduce: unknown): Fold | undefined {
  if (reduce === 'sum') return sum
  if (reduce === 'min') return pick((a, b) => a < b)
  if (reduce === 'max') return pick((a, b) => a > b)
  return undefined
}
