// The inspector in a page of an application, under the strictest policy a page may have: mounted, used by the keyboard, and taken away.
import assert from 'node:assert/strict'

import { eventually } from './support/browser.mjs'
import { scenario } from './support/scenario.mjs'

const shown = (page, selector) =>
  page.evaluate((one) => [...(document.querySelector('tidewell-inspector')?.shadowRoot.querySelectorAll(one) ?? [])].map(({ textContent }) => textContent), selector)

for (const worker of [false, true]) {
  const where = worker ? 'in a worker' : 'on the calling thread'
  scenario(`an application mounts the inspector under a strict policy, with the engine ${where}`, async (scene) => {
    const page = await scene.page('/strict/')
    await page.evaluate(async (options) => {
      await openDatabase('inspected', options)
      const { mountInspector } = await import('/pkg/dist/inspector.js')
      window.network = true
      const switches = [{ label: 'Network', isOn: () => window.network, set: (on) => (window.network = on) }]
      window.mounted = mountInspector(db, null, { switches, theme: 'dark' })
    }, { worker, faults: {} })
    await eventually('a commit is told', async () => {
      await page.evaluate(() => db.collection('notes').put({ id: 'a', n: Math.random() }))
      return /notes \+1/.test((await shown(page, '.commits summary')).join())
    })
    const other = await scene.page('/strict/')
    await other.evaluate(async () => (await openDatabase('inspected')).collection('elsewhere').put({ id: 'b' }))
    await eventually('and one of another tab', async () => /another tab.*elsewhere \+1/.test((await shown(page, '.commits summary')).join()))
    assert.equal(await page.evaluate(() => getComputedStyle(window.mounted.element).colorScheme), 'dark')

    await page.getByRole('tab', { name: 'Log' }).focus()
    for (const name of ['Latency', 'Storage', 'Live', 'Faults']) {
      await page.keyboard.press('ArrowRight')
      await eventually(`the keyboard opens ${name}`, async () => (await shown(page, '[role=tab][aria-selected=true]')).join() === name)
    }
    await page.getByRole('switch', { name: 'Slow disk' }).check()
    await eventually('the disk is slow', () =>
      page.evaluate(async () => {
        const begun = performance.now()
        await db.collection('notes').put({ id: 'slow', n: Math.random() })
        return performance.now() - begun > 300
      }),
    )
    await page.getByRole('switch', { name: 'Slow disk' }).uncheck()
    await page.getByRole('switch', { name: 'Network' }).uncheck()
    assert.equal(await page.evaluate(() => window.network), false)
    await page.getByRole('button', { name: /Tidewell/ }).click()
    assert.equal(await page.evaluate(() => window.mounted.element.hasAttribute('closed')), true)
    await page.evaluate(() => window.mounted.remove())
    assert.equal(await page.evaluate(() => document.querySelector('tidewell-inspector')), null)
    assert.equal(await page.evaluate(() => db.collection('notes').count()), 2)
    assert.deepEqual([...page.errors, ...other.errors], [], 'no error and no violation of the policy')
  })
}

/** Opens the line of the log that says `text`, and answers its rows. */
async function opened(page, text) {
  let rows
  await eventually(`a line says ${text}`, async () => {
    rows = await page.evaluate(async (wanted) => {
      const root = document.querySelector('tidewell-inspector').shadowRoot
      const line = [...root.querySelectorAll('.commits details')].find((one) => one.firstElementChild.textContent.includes(wanted))
      if (line === undefined) return undefined
      line.open = true
      await new Promise((resume) => setTimeout(resume, 50))
      return Object.fromEntries([...line.querySelectorAll('dt')].map((name) => [name.textContent, name.nextElementSibling.textContent]))
    }, text)
    return rows !== undefined && Object.keys(rows).length > 0
  })
  return rows
}

const mounted = async (scene) => {
  const page = await scene.page('/strict/')
  await page.evaluate(async () => {
    await openDatabase('watched', { faults: {} })
    const { mountInspector } = await import('/pkg/dist/inspector.js')
    mountInspector(db)
  })
  return page
}

scenario('the log of the inspector tells of messages, of cache entries and of why computed ones went', async (scene) => {
  const page = await mounted(scene)
  await page.evaluate(async () => {
    const notes = db.collection('notes')
    const counts = db.cache('counts')
    await notes.put({ id: 'a' })
    await counts.compute('all', ({ collection }) => collection(notes).count())
    await db.cache('values').set('k', 1)
    await db.topic('news').publish('ebb')
    await notes.put({ id: 'b' })
  })
  assert.equal((await opened(page, 'news +1'))['topic news']?.split(',')[0], '1 messages')
  // The first line with these words may still be that of the other note.
  await eventually('why a computed entry went', async () => /notes/.test((await opened(page, 'notes +1'))['counts: all went'] ?? ''))
  const cached = await page.evaluate(() =>
    [...document.querySelector('tidewell-inspector').shadowRoot.querySelectorAll('.commits .caches')].map(({ textContent }) => textContent.trim()),
  )
  assert.ok(cached.includes('cache +1'), cached.join())
  assert.deepEqual(page.errors, [])
})

scenario('the storage tab of the inspector says what the browser grants and what the database is made of', async (scene) => {
  const page = await mounted(scene)
  await page.evaluate(async () => {
    await db.collection('notes').putMany(Array.from({ length: 500 }, (_, n) => ({ id: `d${n}`, text: `tide ${n} `.repeat(20) })))
    await db.flush()
  })
  await page.getByRole('tab', { name: 'Storage' }).click()
  const cells = () => shown(page, '[role=tabpanel]:not([hidden]) :is(th, td)')
  await eventually('the position of the log is that of the database', async () => {
    const all = await cells()
    const position = await page.evaluate(async () => (await db.stats()).engine.position)
    return Number((all[all.indexOf('position of the log') + 1] ?? '').replace(/\D/g, '')) === position
  })
  const all = await cells()
  for (const name of ['log not yet in tables', 'block cache', 'transactions under way', 'level 0']) assert.ok(all.includes(name), `${name}: ${all.join(' | ')}`)
  assert.match((await shown(page, '[role=tabpanel]:not([hidden]) .note')).join(), /^indexeddb: .+ of .+ used by this origin, (kept|may be evicted)$/)
})

scenario('the switch of a failing disk makes operations fail, lists which, and loses nothing that was acknowledged', async (scene) => {
  const page = await mounted(scene)
  await page.getByRole('tab', { name: 'Faults' }).click()
  await page.getByRole('switch', { name: 'Failing disk' }).check()
  let met = []
  await eventually('operations met faults', async () => {
    await page.evaluate(async () => {
      window.kept ??= []
      const id = `d${window.kept.length}`
      await db.collection('notes').put({ id }).then(() => window.kept.push(id), () => undefined)
    })
    met = await shown(page, '.met li')
    return met.length >= 3
  })
  for (const line of met) assert.match(line, /^operation [\d,.\s]+: (unavailable|interrupted|connection-lost)$/)
  await page.getByRole('switch', { name: 'Failing disk' }).uncheck()
  // An operation that was under way may still meet a fault.
  const isWhole = () => page.evaluate(async () => (await settle(db.collection('notes').put({ id: 'last' }))).error === undefined)
  await eventually('the disk is whole again', async () => (await isWhole()) && (await isWhole()) && isWhole())
  const { kept, there } = await page.evaluate(async () => ({
    kept: window.kept,
    there: (await db.collection('notes').find().toArray()).map(({ id }) => id),
  }))
  assert.deepEqual(kept.filter((id) => !there.includes(id)), [], 'acknowledged writes that are lost')
  assert.ok(there.includes('last'))
})
