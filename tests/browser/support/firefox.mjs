// Firefox through geckodriver.
import { freePort } from './port.mjs'
import { startSession } from './webdriver.mjs'

/** Starts Firefox on a profile folder. */
export const launchFirefox = async (profile) => {
  const [port, marionette] = [await freePort(), await freePort()]
  // Firefox asks its user whether a page may keep its storage: here the answer is yes.
  const prefs = { 'dom.storageManager.prompt.testing': true, 'dom.storageManager.prompt.testing.allow': true }
  const options = { binary: process.env.FIREFOX ?? '/usr/bin/firefox-esr', args: ['-headless', '-profile', profile], prefs }
  return startSession({
    program: process.env.GECKODRIVER ?? 'geckodriver',
    flags: ['--port', String(port), '--marionette-port', String(marionette), '--log', 'fatal'],
    port,
    capabilities: { browserName: 'firefox', 'moz:firefoxOptions': options },
  })
}
