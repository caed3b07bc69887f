/** Which of the tabs of a database syncs: over locks that the test plays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Locks, Tabs } from '../src/sync/election.js'
import { until } from './until.js'

/** Web Locks as a browser has them, of one lock, among tabs in one process. */
class PlayedLocks {
  #holder: { readonly reject: (error: Error) => void } | undefined
  readonly #queue: (() => void)[] = []

  /** The locks as one tab sees them; `kill` lets go of what it holds, without a word to it. */
  tab(): Locks & { kill(): void } {
    let kill = () => undefined as void
    return {
      kill: () => kill(),
      query: () => Promise.resolve(),
      request: (_, { steal = false, signal }, held) =>
        new Promise((resolve, reject) => {
          const grant = () => {
            const holder = { reject }
            this.#holder = holder
            const free = () => {
              if (this.#holder !== holder) return
              this.#holder = undefined
              this.#queue.shift()?.()
            }
            kill = free
            held().then(resolve, reject).finally(free)
          }
          if (steal) {
            this.#holder?.reject(new Error('stolen'))
            return grant()
          }
          if (this.#holder === undefined) return grant()
          this.#queue.push(grant)
          signal?.addEventListener('abort', () => {
            const at = this.#queue.indexOf(grant)
            if (at >= 0) this.#queue.splice(at, 1)
            reject(new Error('aborted'))
          })
        }),
    }
  }
}

/** A tab that writes down when it leads. */
function tab(database: string, locks: Locks) {
  const seen = { leads: false, heard: '', times: 0 }
  const tabs = new Tabs<string>(
    database,
    {
      lead: (signal) => {
        seen.leads = true
        seen.times++
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            seen.leads = false
            resolve()
          }),
        )
      },
      news: () => 'fine',
      hear: (news) => void (seen.heard = news),
      aside: () => undefined,
    },
    locks,
  )
  return { seen, tabs }
}

test('one tab syncs; the others hear how it stands, and one of them goes on at once when it is gone', async () => {
  const locks = new PlayedLocks()
  const own = [locks.tab(), locks.tab(), locks.tab()]
  const tabs = own.map((one) => tab('handover', one))
  const leaders = () => tabs.filter(({ seen }) => seen.leads).length
  await until(() => leaders() === 1 && tabs[1]?.seen.heard === 'fine' && tabs[2]?.seen.heard === 'fine', 'one leads')
  await tabs[0]?.tabs.stop()
  await until(() => leaders() === 1 && tabs[1]?.seen.leads === true, 'the next leads')
  own[1]?.kill()
  await until(() => tabs[2]?.seen.leads === true, 'the last leads')
  for (const { tabs: one } of tabs) await one.stop()
  assert.deepStrictEqual(
    tabs.map(({ seen }) => seen.times),
    [1, 1, 1],
  )
})

test('a tab that does not answer loses its turn, and waits like the others when it wakes', async () => {
  const locks = new PlayedLocks()
  // A frozen tab: it has the lock and is silent, for it speaks in another room.
  const frozen = tab('elsewhere', locks.tab())
  await until(() => frozen.seen.leads, 'it leads')
  const begun = performance.now()
  const awake = tab('frozen', locks.tab())
  await until(() => awake.seen.leads, 'the other leads')
  assert.ok(performance.now() - begun < 2500)
  assert.equal(frozen.seen.leads, false, 'it was told when it woke')
  await awake.tabs.stop()
  await until(() => frozen.seen.leads, 'its turn again')
  await frozen.tabs.stop()
  assert.deepStrictEqual([frozen.seen.times, awake.seen.times], [2, 1])
})

test('a tab that stood still hears of the turn that it lost before it sends', async () => {
  let lose: () => void = () => undefined
  let asked = 0
  const locks: Locks = {
    request: (_, { signal }, held) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('aborted')))
        if (asked > 0) return
        lose = () => reject(new Error('stolen'))
        void held()
      }),
    query: () => {
      asked++
      lose()
      return Promise.resolve()
    },
  }
  let sure: (() => Promise<void>) | undefined
  let turn: AbortSignal | undefined
  const lead = (signal: AbortSignal, surely: () => Promise<void>) => {
    ;[turn, sure] = [signal, surely]
    return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  }
  const part = { lead, news: () => 'fine', hear: () => undefined, aside: () => undefined }
  const tabs = new Tabs<string>('stood still', part, locks)
  await until(() => turn !== undefined, 'it leads')
  await sure?.()
  assert.deepStrictEqual([asked, turn?.aborted], [0, false], 'it is sure for a while')
  await new Promise((resolve) => setTimeout(resolve, 400))
  await sure?.()
  assert.deepStrictEqual([asked, turn?.aborted], [1, true])
  await tabs.stop()
})
