// What the flow page works with: the topic of orders, its group, and the collections that cooking writes.

import { open } from '../tidewell.js'

/** The dishes, and what they cost. */
export const DISHES = { soup: 6, pasta: 11, curry: 12, salad: 8, pie: 5 }
/** The group of all cooks. */
export const GROUP = 'kitchen'
/** Milliseconds of a window. */
export const WINDOW = 10_000
/** After so many deliveries an order is a dead letter. */
export const MAX_DELIVERIES = 3

/** Opens the page's database. */
export const openKitchen = async () => {
  const db = await open('playground flow')
  return {
    db,
    orders: db.topic('orders', { partitions: 4, retention: { count: 50_000 } }),
    dead: db.topic('orders.dead'),
    sales: db.collection('sales', { indexes: ['dish'] }),
    windows: db.collection('windows', { indexes: ['start'] }),
  }
}

/** Counts what is sold by dish and window, as it is sold: whichever tab works, each sale counts once. */
export const countWindows = ({ db, sales }) =>
  db
    .stream('dishes by window')
    .from(sales, { time: ({ after }) => after?.at ?? 0 })
    .filter(({ before, after }) => before === null && after !== null)
    .map(({ after }) => after)
    .keyBy(({ dish }) => dish)
    .window({ tumbling: WINDOW }, { emit: 'updates' })
    .aggregate({ sold: { $sum: ({ count }) => count } })
    .into('windows')
    .run()

/** An order, by chance. */
export const someOrder = () => {
  const dishes = Object.keys(DISHES)
  const table = 1 + Math.floor(Math.random() * 12)
  const dish = dishes[Math.floor(Math.random() * dishes.length)]
  return { key: `table ${table}`, value: { table, dish, count: 1 + Math.floor(Math.random() * 3) } }
}
