// What a test page offers to a test: the package, and the database that was opened last.
import * as tidewell from '/tidewell.js'

window.tidewell = tidewell
/** Opens a database and keeps it in `window.db`. */
window.openDatabase = async (name, options) => {
  window.db = await tidewell.open(name, options)
  return window.db
}
/** An error as a test can carry it out of the page. */
window.errorOf = (error) => ({ name: error?.name, code: error?.code, reason: error?.reason, message: String(error?.message ?? error) })
/** What a promise became: `{ value }` or `{ error }`. */
window.settle = (promise) =>
  Promise.resolve(promise).then(
    (value) => ({ value }),
    (error) => ({ error: window.errorOf(error) }),
  )
window.ready = true
