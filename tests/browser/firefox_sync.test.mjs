// Syncing in Firefox against a real server.
import { scenario } from './support/firefox_scenario.mjs'
import { ran } from './support/places.mjs'
import { syncsBothWays } from './support/session_scenarios.mjs'

scenario(
  "Firefox: what was written without a server is sent after a kill, and another device's changes come by themselves",
  async (scene) => {
    await syncsBothWays(() => scene.firefox, scene.origin, scene.restart)
    ran('Firefox', 'sync', 'sent after a kill; changes of another device come')
  },
  120,
)
