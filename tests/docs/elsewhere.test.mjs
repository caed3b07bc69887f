// The snippets that need more than Node run where they belong: in Chromium, with frameworks, workers and files, and on workerd. Whoever marks one
// `no-run` says here where it runs.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { catalogue, databaseModule, room, tenant } from './support/elsewhere.mjs'
import * as inPage from './support/in_page.mjs'
import { pages } from './support/pages.mjs'

/** By page, in order. */
const PLACES = {
  'docs/EDGE.md': [room, tenant],
  'docs/FRAMEWORKS.md': [inPage.listAndSearch],
  'docs/INSPECTOR.md': [inPage.inspector, inPage.inspectorSwitch],
  'docs/JOBS.md': [inPage.jobWithWorker],
  'docs/PACKAGING.md': [inPage.slimInPage],
  'docs/SYNC.md': [inPage.serviceWorker],
  'docs/guide/01-start.md': [inPage.list],
  'docs/guide/10-edge.md': [catalogue],
  'docs/guide/12-recipes.md': [databaseModule, inPage.backupFiles],
  'docs/guide/13-migration.md': [inPage.fromRx, inPage.fromPouch],
}

let ran = 0
const all = pages().filter(({ compiled }) => compiled.length > 0)

test('every snippet that is not run in Node has a place where it runs', () => {
  const counted = (entries) => Object.fromEntries(entries.map(([path, some]) => [path, some.length]))
  assert.deepEqual(counted(Object.entries(PLACES)), counted(all.map(({ path, compiled }) => [path, compiled])))
})

for (const { path, name, compiled } of all)
  compiled.forEach((snippet, at) => {
    const run = PLACES[path]?.[at]
    if (run === undefined) return
    test(`the snippet of ${path} at line ${snippet.line} does what it says`, { timeout: 120_000 }, async () => {
      await run(snippet, `${name}-${at}`)
      ran++
    })
  })

after(() => console.log(`counted: ${ran} snippets ran in Chromium, on workerd, or as modules of their own`))
