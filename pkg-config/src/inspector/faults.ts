/** Switches for what goes wrong: the engine's own faults, changed while it works, and what the application adds. */
import type { Database } from '../database.js'
import type { Fault, FaultOptions } from '../types/options.js'
import { h, integer } from './dom.js'
import { type Panel, sentence, type Switch } from './panel.js'

/** Faults that are listed. */
const MET = 40
/** How much longer an operation of a slow disk takes. */
const SLOW_MS = 400
/** One operation in so many of a failing disk fails. */
const FAILING = 4
/** What a failing disk does. */
const FAILURES: readonly Fault[] = ['unavailable', 'interrupted', 'connection-lost']

/** The panel. */
export function faultsPanel(db: Database, switches: readonly Switch[]): Panel {
  const said = h('p', { class: 'note', role: 'status' })
  const met = h('ol', { class: 'met', 'aria-label': 'Faults that operations met, the last first', tabindex: 0 })
  const attempt = async (work: () => unknown) => {
    said.textContent = ''
    try {
      await work()
    } catch (error) {
      said.textContent = sentence(error)
    }
  }
  const apply = () => attempt(() => db.rehearse(plan()))
  const slow = check('Slow disk', `every operation takes ${SLOW_MS} ms longer`, apply)
  const failing = check('Failing disk', `one operation in ${FAILING} fails; the engine tries again or says so`, apply)
  const full = check('Full disk', 'no byte more: writes reject with “quota”', apply)
  const plan = (): FaultOptions => ({
    seed: Date.now(),
    latency: slow.input.checked ? SLOW_MS : 0,
    oneIn: failing.input.checked ? { operations: FAILING, faults: FAILURES } : undefined,
    quota: full.input.checked ? 0 : undefined,
  })
  const kill = h('button', { type: 'button', class: 'danger' }, 'Kill this instance')
  kill.addEventListener('click', () => {
    const now = { ...plan(), at: { 1: 'crash-kill' } } as const
    // The next operation of storage never returns: whatever is asked for, it dies of it.
    void attempt(async () => {
      await db.rehearse(now)
      db.flush().catch(() => undefined)
      said.textContent =
        'It dies at its next operation of storage, as a killed tab does. Open the database again: what was acknowledged is there.'
    })
  })
  const stop = db.on('fault', ({ operation, fault }) => {
    met.prepend(h('li', {}, `operation ${integer(operation)}: ${fault}`))
    while (met.children.length > MET) met.lastChild?.remove()
  })
  const storage = h(
    'fieldset',
    { disabled: !db.canRehearse },
    h('legend', {}, 'Storage'),
    ...(db.canRehearse ? [] : [h('p', { class: 'note' }, 'Open the database with { faults: {} } to use these.')]),
    ...[slow, failing, full].map(({ label }) => label),
    kill,
  )
  const others = switches.map((one) => own(one, attempt))
  const rest = h('fieldset', {}, h('legend', {}, 'Application'), ...others.map(({ element }) => element))
  return {
    name: 'Faults',
    element: h('div', {}, storage, ...(others.length === 0 ? [] : [rest]), said, h('h3', {}, 'Met'), met),
    refresh: async () => others.forEach(({ show }) => show()),
    stop,
  }
}

function check(title: string, note: string, changed: () => unknown) {
  const input = h('input', { type: 'checkbox', role: 'switch', onchange: () => void changed() })
  return { input, label: h('label', {}, input, h('span', {}, title), h('span', { class: 'note' }, note)) }
}

/** A switch of the application; without a state it is a button. */
function own({ label, isOn, set }: Switch, attempt: (work: () => unknown) => Promise<void>) {
  if (isOn === undefined) {
    const element = h('button', { type: 'button', onclick: () => void attempt(() => set(true)) }, label)
    return { element, show: () => undefined }
  }
  const { input, label: element } = check(label, '', () => attempt(() => set(input.checked)))
  const show = () => {
    input.checked = isOn()
  }
  show()
  return { element, show }
}
