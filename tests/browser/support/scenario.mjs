// What most scenarios share: a server, a browser on a fresh profile, and both gone at the end.
import { test } from 'node:test'

import { launch, newProfile, openPage } from './browser.mjs'
import { serve } from './server.mjs'

/**
 * A test with a browser of its own. `scene` has `origin`, `browser`, `profile`, `page(path)`, and `restart()`, which
 * starts the browser again on the same profile.
 */
export const scenario = (claim, run, seconds = 120) =>
  test(claim, { timeout: seconds * 1000 }, async (t) => {
    const server = await serve()
    const profile = await newProfile()
    const scene = {
      t,
      origin: server.origin,
      profile: profile.folder,
      browser: await launch(profile.folder),
      page: (path = '/') => openPage(scene.browser, server.origin + path),
      restart: async () => {
        await scene.browser.close()
        scene.browser = await launch(profile.folder)
      },
    }
    try {
      await run(scene)
    } finally {
      await scene.browser.close()
      await server.close()
      await profile.remove()
    }
  })

/** Prints a count that belongs in the table at the end of the test run. */
export const counted = (text) => console.log(`counted: ${text}`)
