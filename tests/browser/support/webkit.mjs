// WebKitGTK through its own driver, on the screen WEBKIT_DISPLAY (of Xvfb, in the test run): it has no headless mode. A session that is driven
// keeps its storage in memory, so nothing can be found again after a restart.
import { freePort } from './port.mjs'
import { startSession } from './webdriver.mjs'

/** Starts WebKitGTK's MiniBrowser, with nothing stored. */
export const launchWebKit = async () => {
  const DISPLAY = process.env.WEBKIT_DISPLAY ?? process.env.DISPLAY
  if (DISPLAY === undefined) throw new Error('WebKitGTK needs a screen: start `Xvfb :71`, and set WEBKIT_DISPLAY=:71')
  const port = await freePort()
  return startSession({
    program: process.env.WEBKITDRIVER ?? 'WebKitWebDriver',
    flags: [`--port=${port}`],
    env: { DISPLAY, NO_AT_BRIDGE: '1' },
    port,
    capabilities: {},
  })
}
