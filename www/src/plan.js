// The plan panel: how the query is run, in words first, figures after.

import { byId, debounce, duration, h, integer, sentence } from './dom.js'
import { collection, findOf, onChange, state } from './store.js'

/** Shows the plan whenever the panel is open and the query changes. */
export const makePlan = () => {
  const place = byId('panel-plan')
  const refresh = debounce(120, async () => {
    if (state.panel !== 'plan' || state.db === undefined || state.query === undefined) return
    try {
      place.replaceChildren(...draw(await reading(state.query).explain()))
    } catch (error) {
      place.replaceChildren(h('p', { class: 'problem' }, sentence(error)))
    }
  })
  onChange((fields) => ('panel' in fields || 'query' in fields || 'name' in fields) && refresh())
}

/** The part of a query that reads documents: all of a find query, the first `$match` of a pipeline. */
const reading = (query) => (query.kind === 'find' ? findOf(query) : collection().find(query.pipeline[0]?.$match ?? {}))

/** What the plan does, as one sentence. */
const inWords = (plan) => {
  const scanned = `reads all ${integer(plan.documentsExamined)} documents`
  const stages = {
    none: 'Nothing can match: no document is read.',
    ids: `Fetches ${integer(plan.documentsExamined)} documents by their id.`,
    index: `Walks ${plan.ranges === 1 ? 'one range' : `${integer(plan.ranges)} ranges`} of the index “${plan.index}” ${plan.direction === 'backward' ? 'backward' : 'forward'}.`,
    scan: `No index helps: ${scanned}.`,
  }
  const rest = [
    plan.covered ? 'Everything it needs is in the index.' : '',
    plan.filter && plan.stage !== 'none' ? 'Each document is checked against the rest of the filter.' : '',
    plan.sortInMemory ? 'The result is sorted in memory.' : plan.stage === 'index' ? 'The order comes from the index.' : '',
  ]
  return [stages[plan.stage], ...rest].filter(Boolean).join(' ')
}

const draw = (plan) => [
  h('h3', {}, 'How this query runs'),
  h('p', {}, inWords(plan)),
  figures([
    ['Keys examined', integer(plan.keysExamined)],
    ['Documents examined', integer(plan.documentsExamined)],
    ['Returned', integer(plan.returned)],
    ['Inside the engine', duration(plan.ms)],
  ]),
  ...(Object.keys(plan.bounds).length > 0 ? [h('h3', {}, 'Bounds'), figures(Object.entries(plan.bounds).map(([path, intervals]) => [path, intervals.join(', ')]))] : []),
  ...(plan.considered.length > 0
    ? [h('h3', {}, 'Considered'), figures(plan.considered.map(({ name, cost }) => [name, `cost ${integer(Math.round(cost))}`]))]
    : []),
]

const figures = (rows) =>
  h('table', { class: 'figures' }, h('tbody', {}, ...rows.map(([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value)))))
