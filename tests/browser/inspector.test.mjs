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
