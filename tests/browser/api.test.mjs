// Every claim about the API (pkg-config/test/api), in a real page on IndexedDB: on the calling thread and in a worker.
import assert from 'node:assert/strict'

import { runClaims } from './support/claims.mjs'
import { ran } from './support/places.mjs'
import { scenario } from './support/scenario.mjs'

for (const worker of [false, true]) {
  const where = worker ? 'in a worker' : 'on the calling thread'
  scenario(
    `every claim about the API holds in a page, ${where}`,
    async (scene) => {
      const page = await scene.page()
      const { held, failures } = await runClaims(page, { worker })
      assert.deepEqual(failures, [])
      ran('Chromium', `the API, ${where}`, `${held} claims hold`)
    },
    300,
  )
}
