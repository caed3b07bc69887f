// A page of an example, used as a person uses it: by the names of its controls.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { eventually } from '../../browser/support/browser.mjs'

/** Opens the address in a tab; everything that goes wrong in it fails `done`. SCREENSHOTS names a folder for how pages look at the end. */
export async function use({ browser }, address) {
  const page = await browser.context.newPage()
  page.setDefaultTimeout(20_000)
  const problems = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await page.goto(address)
  const text = () => page.evaluate(() => document.body.innerText)
  return {
    page,
    text,
    /** Waits until the page shows what `found` looks for in its text. */
    shows: async (what, found = (all) => all.includes(what)) => {
      let last = ''
      await eventually(`it shows ${what}`, async () => found((last = await text()))).catch((error) => {
        assert.fail(`${error.message}\n${last}\n${problems.join('\n')}`)
      })
    },
    hides: (what) => eventually(`it hides ${what}`, async () => !(await text()).includes(what)),
    done: async () => {
      assert.deepEqual(problems, [])
      const { SCREENSHOTS: folder } = process.env
      if (folder) await page.bringToFront()
      if (folder) await page.screenshot({ path: join(folder, `${(await page.title()).toLowerCase()}.png`) })
      await page.close()
    },
  }
}
