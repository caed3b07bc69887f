// A browser through its WebDriver: the few commands that our tests need. It is not a WebDriver library.
import { eventually, spawnGroup } from './browser.mjs'

/** Starts the driver that listens on `port`, and a session with these capabilities. `kill()` ends the browser with its driver at once. */
export const startSession = async ({ program, flags, env, port, capabilities }) => {
  const { kill } = spawnGroup(program, flags, { ...process.env, ...env })
  const call = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    })
    const { value } = await response.json()
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`)
    return value
  }
  try {
    await eventually(`${program} listens`, async () => (await call('GET', '/status')).ready, 30)
    const { sessionId } = await call('POST', '/session', { capabilities: { alwaysMatch: capabilities } })
    const session = (method, path, body) => call(method, `/session/${sessionId}${path}`, body)
    await session('POST', '/timeouts', { script: 280_000, pageLoad: 60_000 })
    /** Runs an async function of the page and answers what it answers. */
    const evaluate = async (run, ...values) => {
      const script = `const done = arguments[arguments.length - 1]; (${run})(...[...arguments].slice(0, -1)).then((value) => done({ value }), (error) => done({ error: String(error) }))`
      const { value, error } = await session('POST', '/execute/async', { script, args: values })
      if (error !== undefined) throw new Error(error)
      return value
    }
    const open = async (address) => {
      await session('POST', '/url', { url: address })
      await eventually('the page loads the package', () => evaluate(async () => window.ready === true))
    }
    const newTab = async () => (await session('POST', '/window/new', { type: 'tab' })).handle
    const closeTab = () => session('DELETE', '/window')
    const tabs = () => session('GET', '/window/handles')
    const show = (handle) => session('POST', '/window', { handle })
    return { evaluate, open, newTab, closeTab, tabs, show, kill }
  } catch (error) {
    await kill()
    throw error
  }
}
