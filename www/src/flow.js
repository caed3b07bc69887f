// The flow page: a topic of orders, cooks that consume it in every open tab, dead letters, windows, and a batch job.
// Everything comes from the published API.

import { byId, integer, say, sentence } from './dom.js'
import { makeChart } from './flow/chart.js'
import { makeCooks } from './flow/cooks.js'
import { makeDeadLetters } from './flow/dead.js'
import { makeJob } from './flow/job.js'
import { makeLater } from './flow/later.js'
import { makeOrders } from './flow/orders.js'
import { countWindows, openKitchen } from './flow/kitchen.js'
import { makeTheme } from './theme.js'
import { registerWorker } from './worker.js'

const start = async () => {
  makeTheme(byId('theme'))
  byId('tab').addEventListener('click', () => window.open(location.href))
  const problem = byId('problem')
  /** Runs what a button asks for; what goes wrong is shown, and stays until the next click. */
  const attempt = (work) => async () => {
    problem.textContent = ''
    try {
      await work()
    } catch (error) {
      problem.textContent = sentence(error)
    }
  }
  try {
    const kitchen = await openKitchen()
    kitchen.db.on('error', (error) => say(sentence(error), 'error'))
    makeOrders(kitchen, attempt, ({ messages }) => {
      byId('kept').textContent = integer(messages)
    })
    makeLater(kitchen, attempt)
    makeCooks(kitchen, attempt)
    makeDeadLetters(kitchen, attempt)
    makeChart(kitchen)
    makeJob(kitchen, attempt)
    await countWindows(kitchen)
  } catch (error) {
    problem.textContent = sentence(error)
  }
  registerWorker()
}

start()
