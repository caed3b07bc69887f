// A test in Firefox.
import { test } from 'node:test'
import { newProfile } from './browser.mjs'
import { launchFirefox } from './firefox.mjs'
import { serve } from './server.mjs'

/** A test with a Firefox on a fresh profile. */
export const scenario = (claim, run, seconds) =>
  test(claim, { timeout: seconds * 1000 }, async (t) => {
    const server = await serve()
    const profile = await newProfile()
    const scene = { origin: server.origin }
    t.after(async () => {
      await scene.firefox?.kill()
      await server.close()
      await profile.remove()
    })
    scene.firefox = await launchFirefox(profile.folder)
    scene.restart = async () => {
      await scene.firefox.kill()
      scene.firefox = await launchFirefox(profile.folder)
    }
    await run(scene)
  })
