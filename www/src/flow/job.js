// The batch job: totals of all sales by dish, in slices with checkpoints; run it here, reload in the middle, and it goes on.

import { byId, duration, h, integer, say } from '../dom.js'
import { DISHES } from './kitchen.js'

const OLD_SALES = 20_000
const BATCH = 2_000

/** Wires the job's buttons, its progress and its result. */
export const makeJob = ({ db, sales }, attempt) => {
  const [run, pause, cancel, state, progress] = ['run', 'job-pause', 'job-cancel', 'job-state', 'job-progress'].map(byId)
  const job = db.job('sales by dish', {
    from: sales,
    version: 1,
    map: ({ dish, count, price }, emit) => emit(dish, { count, price }),
    combine: (_, values) => sum(values),
    reduce: (_, values) => sum(values),
    into: 'totals',
  })
  const busy = (is) => {
    run.disabled = is
    pause.disabled = cancel.disabled = !is
  }
  const show = ({ phase, rows, rowsTotal, rate, msLeft, fraction }) => {
    progress.value = phase === 'map' ? fraction * 0.8 : 0.8 + fraction * 0.2
    const left = msLeft === undefined ? '' : `, ${duration(msLeft)} left`
    state.textContent = `${phase}: ${integer(rows)} of ${integer(rowsTotal)} sales, ${integer(Math.round(rate))} a second${left}`
  }
  run.addEventListener(
    'click',
    attempt(async () => {
      busy(true)
      // What the last run came to is not what this one does.
      state.textContent = 'Begins.'
      progress.value = 0
      try {
        const { state: end, rows } = await job.run({ onProgress: show })
        if (end === 'done') progress.value = 1
        state.textContent = end === 'done' ? `Done: ${integer(rows)} sales.` : 'Paused; Run goes on from here.'
      } finally {
        busy(false)
      }
    }),
  )
  pause.addEventListener('click', attempt(() => job.pause()))
  cancel.addEventListener('click', attempt(() => job.cancel()))
  byId('fill').addEventListener('click', attempt(() => fill(sales)))
  attempt(async () => {
    const last = await job.status()
    if (last !== null) state.textContent = last.state === 'done' ? `Done: ${integer(last.rows)} sales.` : `Stopped after ${integer(last.rows)} sales; Run goes on.`
  })()
  db.collection('totals')
    .find({})
    .subscribe(({ docs }) => byId('totals').replaceChildren(...docs.map(row)))
}

const sum = (values) =>
  values.reduce((total, { count, price }) => ({ count: total.count + count, price: total.price + price }), { count: 0, price: 0 })

const fill = async (sales) => {
  const dishes = Object.keys(DISHES)
  for (let at = 0; at < OLD_SALES; at += BATCH) {
    await sales.insertMany(
      Array.from({ length: BATCH }, (_, index) => {
        const dish = dishes[(at + index) % dishes.length]
        return { dish, count: 1, price: DISHES[dish], at: new Date(2026, 0, 1) }
      }),
    )
  }
  say(`${integer(OLD_SALES)} sales more`)
}

const row = ({ id: key, value }) =>
  h('tr', {}, h('th', { scope: 'row' }, key), h('td', {}, integer(value.count)), h('td', {}, `${integer(value.price)} €`))
