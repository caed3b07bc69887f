// Inside a worker: runs the scenario when asked, and answers on the port that comes along.
import { scenario } from './scenario.js'

/** Answers what the scenario saw in the database `name`, or why it could not be run. */
export function answer(tidewell, name) {
  self.addEventListener('message', ({ ports: [port] }) => {
    scenario(tidewell, { name }).then(
      (seen) => port.postMessage(seen),
      (error) => port.postMessage(String(error.stack ?? error)),
    )
  })
}
