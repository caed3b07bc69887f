import { open } from 'tidewell'
import { onScopeDispose, shallowRef } from 'vue'

const db = await open('ledger')
export const expenses = db.collection('expenses', { indexes: ['at', 'kind'] })
const reports = db.cache('reports')

export const KINDS = ['food', 'rent', 'travel', 'books', 'other']

/** The sum of each kind, greatest first, kept up to date by the commits. */
export function useTotals() {
  const totals = shallowRef([])
  const stop = expenses.subscribeAggregate(
    [{ $group: { _id: '$kind', sum: { $sum: '$amount' } } }, { $sort: { sum: -1, _id: 1 } }],
    ({ value }) => (totals.value = value),
  )
  onScopeDispose(stop)
  return totals
}

/** The largest expense of each month: computed once, and again only after a commit that changed an expense. */
export const largest = () =>
  reports.compute('largest-per-month', ({ collection }) =>
    collection(expenses).aggregate([
      { $group: { _id: { $dateToString: { date: '$at', format: '%Y-%m' } }, top: { $top: { sortBy: { amount: -1 }, output: '$what' } }, amount: { $max: '$amount' } } },
      { $sort: { _id: -1 } },
      { $limit: 6 },
    ]),
  )

export const add = (what, amount, kind) => expenses.insert({ what, amount, kind, at: new Date() })

/** Many at once, in one commit. */
export const addMany = (count) =>
  expenses.insertMany(
    Array.from({ length: count }, (_, n) => ({
      what: `sample ${n + 1}`,
      amount: 1 + ((n * 37) % 90),
      kind: KINDS[n % KINDS.length],
      at: new Date(Date.now() - n * 8 * 3_600_000),
    })),
  )
