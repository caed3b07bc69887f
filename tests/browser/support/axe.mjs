// Accessibility, as far as axe can tell.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Chooses a theme; once colours no longer change, what axe finds wrong with it, in words. */
export const violations = async (page, theme) => {
  await page.evaluate(async (one) => {
    document.documentElement.dataset.theme = one
    // The first frame begins the transitions.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
    await Promise.allSettled(document.getAnimations().map(({ finished }) => finished))
  }, theme)
  await page.evaluate(AXE)
  const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ['violations'] })).violations)
  return found.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`))
}
