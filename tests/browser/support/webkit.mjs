// WebKitGTK through its own driver, on a screen that nobody sees: it has no headless mode. A session that is driven keeps its storage in
// memory, so nothing can be found again after a restart.
import { once } from 'node:events'
import { spawnGroup } from './browser.mjs'
import { freePort } from './port.mjs'
import { startSession } from './webdriver.mjs'

/** Starts WebKitGTK's MiniBrowser, with nothing stored. */
export const launchWebKit = async () => {
  const screen = spawnGroup('Xvfb', ['-displayfd', '1', '-nolisten', 'tcp', '-screen', '0', '1280x800x24'], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const [display] = await once(screen.stdout, 'data', { signal: AbortSignal.timeout(30_000) })
    const port = await freePort()
    const session = await startSession({
      program: process.env.WEBKITDRIVER ?? 'WebKitWebDriver',
      flags: [`--port=${port}`],
      env: { DISPLAY: `:${String(display).trim()}`, NO_AT_BRIDGE: '1' },
      port,
      capabilities: {},
    })
    const kill = () => session.kill().then(screen.kill)
    return { ...session, kill }
  } catch (error) {
    await screen.kill()
    throw error
  }
}
