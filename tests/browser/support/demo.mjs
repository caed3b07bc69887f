// The playground, served as `cargo xtask demo` does.
import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, launch, newProfile } from './browser.mjs'
import { packageFolder } from './server.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** Serves it on a free port, with further arguments; answers its address and how to stop it. */
export const serveDemo = async (more = []) => {
  const child = spawn(process.execPath, ['www/serve.mjs', '--package', packageFolder, '--port', '0', ...more], { cwd: root })
  let said = ''
  child.stdout.on('data', (chunk) => (said += chunk))
  const address = await eventually('the playground is served', () => /http:\/\/\S+/.exec(said)?.[0], 10)
  let stopped
  const stop = () => (stopped ??= new Promise((done) => (child.on('exit', done), child.kill())))
  return { address, stop }
}

/** A browser on a profile of its own, and what `serve` starts: the playground unless given. Both are gone after the test `t`. */
export const visit = async (t, serve = serveDemo) => {
  const profile = await newProfile()
  const browser = await launch(profile.folder)
  let site
  t.after(async () => {
    await browser.close()
    await site?.stop()
    await profile.remove()
  })
  site = await serve()
  return { browser, site }
}

/** A tab with a page of it; `page.problems` are errors, and violations of the policy. `before` runs in the page first. */
export const openTab = async (browser, address, before) => {
  const page = await browser.context.newPage()
  await page.setViewportSize({ width: 1280, height: 900 })
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && page.problems.push(message.text()))
  if (before !== undefined) await page.addInitScript(before)
  await page.goto(address)
  return page
}

/** The text of the first element that the selector finds. */
export const text = (page, selector) => page.evaluate((one) => document.querySelector(one)?.textContent ?? '', selector)
