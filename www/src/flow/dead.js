// The dead letters: orders that failed too often, with their errors; given back to the kitchen, or thrown away.

import { byId, h, integer } from '../dom.js'

const REFRESH_MILLISECONDS = 700
const SHOWN = 20

/** Wires the list and its buttons. */
export const makeDeadLetters = ({ dead }, attempt) => {
  const [count, requeue, discard] = ['dead-count', 'requeue', 'discard'].map(byId)
  let letters = []
  const refresh = async () => {
    if (document.hidden) return
    const found = []
    for await (const letter of dead.read()) found.push(letter)
    letters = found
    count.textContent = found.length === 0 ? 'None.' : `${integer(found.length)} failed too often.`
    for (const button of [requeue, discard]) button.disabled = found.length === 0
    byId('dead').replaceChildren(...found.slice(-SHOWN).reverse().map(row))
  }
  const settle = (method) =>
    attempt(async () => {
      // What died since the list was drawn goes along.
      await refresh()
      await dead[method](letters)
      await refresh()
    })
  requeue.addEventListener('click', settle('requeue'))
  discard.addEventListener('click', settle('remove'))
  setInterval(() => refresh().catch(() => {}), REFRESH_MILLISECONDS)
  attempt(refresh)()
}

const row = ({ value, dead }) =>
  h(
    'li',
    {},
    h('b', {}, `${value.count} × ${value.dish}, table ${value.table}`),
    ' ',
    h('span', { class: 'note' }, `${dead.error}, ${integer(dead.deliveries)} tries in the group ${dead.group}`),
  )
