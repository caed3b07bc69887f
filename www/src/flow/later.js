// Orders for later, and the one that comes again and again by a cron expression: what waits for its time, and cancelling it. They are
// ordered while some tab has a cook at work.

import { byId, duration, h } from '../dom.js'
import { someOrder } from './kitchen.js'

const REFRESH_MILLISECONDS = 500
const DELAY_MILLISECONDS = 5_000
const STANDING = 'standing order'
const EXPRESSION = '*/10 * * * * *'
const SHOWN = 8

/** Wires the buttons and the list. */
export const makeLater = ({ orders }, attempt) => {
  const standing = byId('standing')
  const refresh = async () => {
    if (document.hidden) return
    const waiting = await orders.scheduled()
    standing.setAttribute('aria-pressed', String(waiting.some(({ id }) => id === STANDING)))
    byId('later-list').replaceChildren(...(waiting.length === 0 ? [nothing()] : waiting.slice(0, SHOWN).map((one) => row(one, cancel))))
  }
  const cancel = (id) =>
    attempt(async () => {
      await orders.cancel(id)
      await refresh()
    })
  byId('later').addEventListener(
    'click',
    attempt(async () => {
      const { key, value } = someOrder()
      await orders.publish(value, { key, delay: DELAY_MILLISECONDS })
      await refresh()
    }),
  )
  standing.addEventListener(
    'click',
    attempt(async () => {
      const { key, value } = someOrder()
      if (standing.getAttribute('aria-pressed') === 'true') await orders.cancel(STANDING)
      else await orders.schedule(STANDING, EXPRESSION, value, { key })
      await refresh()
    }),
  )
  setInterval(() => refresh().catch(() => {}), REFRESH_MILLISECONDS)
  attempt(refresh)()
}

const nothing = () => h('li', { class: 'note' }, 'Nothing waits for its time.')

const row = ({ id, dueIn, cron, key, value }, cancel) =>
  h(
    'li',
    { dataset: { id, cron: cron !== undefined } },
    h('b', {}, `${value.count} × ${value.dish}, ${key}`),
    h('span', { class: 'note' }, cron === undefined ? ` in ${duration(dueIn)}` : ` again and again (${cron}), next in ${duration(dueIn)}`),
    h('span', { class: 'spring' }),
    h('button', { class: 'quiet', 'aria-label': `Cancel the ${value.dish} of ${key}`, onclick: cancel(id) }, 'Cancel'),
  )
