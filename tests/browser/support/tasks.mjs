// How long a page's thread was held at once. Counted in processor time, so that a machine with other work to do tells the same.

/** Runs `work` and answers the longest tasks of the page's thread meanwhile, in ms of processor time, the longest first. */
export const tasksOf = async (browser, page, work) => {
  const session = await browser.browser.newBrowserCDPSession()
  const events = []
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value))
  const includedCategories = ['toplevel', 'disabled-by-default-devtools.timeline', 'blink.user_timing']
  await session.send('Tracing.start', { traceConfig: { includedCategories }, transferMode: 'ReportEvents' })
  await page.evaluate(() => void performance.mark('tasks-begin'))
  const result = await work()
  const done = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.end')
  await done
  await session.detach()
  const begin = events.find(({ name }) => name === 'tasks-begin')
  if (begin === undefined) throw new Error('the trace has no beginning')
  const ofThread = events.filter(({ name, pid, tid, tdur }) => pid === begin.pid && tid === begin.tid && tdur !== undefined && /RunTask/.test(name))
  if (ofThread.length === 0) throw new Error('the trace has no tasks')
  return { result, tasks: ofThread.map(({ tdur }) => tdur / 1000).sort((a, b) => b - a) }
}
