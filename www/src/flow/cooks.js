// The consumers of this tab. What a cook does with an order – the sale – is committed with the acknowledgement: both, once, or
// nothing.

import { byId, h, integer } from '../dom.js'
import { DISHES, GROUP, MAX_DELIVERIES } from './kitchen.js'

const LAST = 4
const COOKING_MILLISECONDS = 120
const NAMES = ['Ada', 'Ben', 'Cleo', 'Dev', 'Eli', 'Fay']

/** Wires the buttons. */
export const makeCooks = (kitchen, attempt) => {
  const { orders } = kitchen
  let hired = 0
  byId('cook').addEventListener('click', () => {
    hired += 1
    byId('cooks').append(cook(kitchen, `${NAMES[(hired - 1) % NAMES.length]}${hired > NAMES.length ? ` ${hired}` : ''}`))
  })
  const pause = byId('pause')
  pause.addEventListener(
    'click',
    attempt(async () => {
      const paused = pause.getAttribute('aria-pressed') === 'true'
      await (paused ? orders.resume(GROUP) : orders.pause(GROUP))
      pause.setAttribute('aria-pressed', String(!paused))
      pause.textContent = paused ? 'Pause the kitchen' : 'Go on'
    }),
  )
}

const cook = ({ orders }, name) => {
  const done = h('b', {}, '0')
  const last = h('ol', { class: 'last', 'aria-label': `What ${name} cooked, the last first` })
  const state = h('span', { class: 'note' }, 'waits for an order')
  let count = 0
  const show = (text, kind) => {
    last.prepend(h('li', { dataset: { kind } }, text))
    while (last.children.length > LAST) last.lastChild.remove()
  }
  const consumer = orders.consume(
    GROUP,
    { transactional: true, maxInFlight: 2, maxDeliveries: MAX_DELIVERIES, backoff: { min: 500, max: 2_000 }, ackDeadline: 5_000 },
    async (message, tx) => {
      const { table, dish, count: portions } = message.value
      state.textContent = `cooks ${dish} for table ${table}`
      await new Promise((resolve) => setTimeout(resolve, COOKING_MILLISECONDS))
      if (dish === 'soup' && byId('burn').checked) {
        show(`burnt the soup of table ${table}, try ${message.deliveries} of ${MAX_DELIVERIES}`, 'bad')
        throw new Error('the soup is burnt')
      }
      await tx.collection('sales').insert({ dish, count: portions, price: DISHES[dish] * portions, at: new Date() })
      count += 1
      done.textContent = integer(count)
      show(`${portions} × ${dish}, table ${table}`, 'good')
    },
  )
  const stop = h('button', { class: 'quiet', 'aria-label': `Send ${name} home` }, 'Send home')
  const card = h(
    'li',
    { class: 'card cook' },
    h('div', { class: 'bar' }, h('b', {}, name), h('span', { class: 'note' }, done, ' cooked'), h('span', { class: 'spring' }), stop),
    state,
    last,
  )
  stop.addEventListener('click', async () => {
    stop.disabled = true
    state.textContent = 'finishes what is on the stove'
    await consumer.stop().catch(() => {})
    card.remove()
  })
  consumer.done.catch((error) => {
    state.textContent = `stopped: ${error.message}`
    card.dataset.state = 'lost'
  })
  return card
}
