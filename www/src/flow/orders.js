// The producer: orders one by one, by the hundred, or a few every second; and how far behind the group is.

import { byId, h, integer } from '../dom.js'
import { someOrder } from './kitchen.js'

const REFRESH_MILLISECONDS = 400
const STEADY_MILLISECONDS = 300

/** Wires the buttons, and shows the topic's figures; `told` gets them as well. */
export const makeOrders = ({ orders }, attempt, told) => {
  byId('order').addEventListener(
    'click',
    attempt(async () => {
      const { key, value } = someOrder()
      await orders.publish(value, { key })
    }),
  )
  byId('hundred').addEventListener(
    'click',
    attempt(() => orders.publishMany(Array.from({ length: 100 }, someOrder))),
  )
  const steady = byId('steady')
  const order = attempt(() => orders.publishMany([someOrder()]))
  setInterval(() => steady.checked && order(), STEADY_MILLISECONDS)
  const groups = byId('groups')
  const refresh = async () => {
    if (document.hidden) return
    const stats = await orders.stats()
    told(stats)
    groups.replaceChildren(...(stats.groups.length === 0 ? [nobody(stats)] : stats.groups.map((group) => bar(group, stats))))
  }
  setInterval(() => refresh().catch(() => {}), REFRESH_MILLISECONDS)
  attempt(refresh)()
}

const nobody = ({ messages }) => h('p', { class: 'note' }, `${integer(messages)} orders, and no cook has begun yet.`)

const bar = ({ name, lag, inFlight, waiting, members, paused }, { messages }) => {
  const share = messages === 0 ? 0 : Math.min(1, lag / messages)
  const state = paused ? 'paused' : lag === 0 ? 'up to date' : `${integer(lag)} behind`
  const detail = `${integer(inFlight)} on the stove, ${integer(waiting)} waiting, ${integer(members)} busy`
  return h(
    'div',
    { class: 'lag', dataset: { group: name, lag } },
    h('span', { class: 'line' }, h('b', {}, name), ' ', h('span', {}, state), h('span', { class: 'spring' }), h('span', { class: 'note' }, detail)),
    h('span', { class: 'track' }, h('i', { style: { width: `${(share * 100).toFixed(1)}%` } })),
  )
}
