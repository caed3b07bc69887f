// The claims about the API (pkg-config/test/api), run in a page.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const packageSources = fileURLToPath(new URL('../../../pkg-config/', import.meta.url))

/** The claims as a script that sets the global `api`. */
const bundle = async () => {
  const { build } = createRequire(`${packageSources}package.json`)('esbuild')
  const options = { bundle: true, format: 'iife', globalName: 'api', target: 'es2022', write: false }
  const { outputFiles } = await build({ ...options, entryPoints: [`${packageSources}test/api/index.ts`] })
  return outputFiles[0].text
}

/** Runs all claims in the page; answers how many held, and what was wrong with the others. */
const runAll = async (options) => {
  const { open, deleteDatabase } = window.tidewell
  const failures = []
  let count = 0
  const context = {
    persistent: true,
    worker: options.worker,
    remove: deleteDatabase,
    open: (more) => open(`api-${options.worker}-${++count}`, { ...options, ...more }),
    reopen: (db, more) => open(db.name, { ...options, ...more }),
  }
  for (const { name, run } of window.api.claims) {
    const late = new Promise((_, reject) => setTimeout(reject, 30_000, new Error('it took more than 30 s')))
    await Promise.race([run(context), late]).catch((error) => failures.push(`${name}: ${error.message}`))
  }
  return { held: window.api.claims.length - failures.length, failures }
}

/** The same in the page that a browser shows which is driven by WebDriver. */
export const runClaimsIn = async (session, options) => {
  const addScript = async (text) => {
    const script = document.createElement('script')
    script.textContent = text
    document.head.append(script)
  }
  await session.evaluate(addScript, await bundle())
  return session.evaluate(runAll, options)
}

/** Runs every claim in `page`, with these options of `open`. */
export const runClaims = async (page, options) => {
  await page.addScriptTag({ content: await bundle() })
  return page.evaluate(runAll, options)
}
