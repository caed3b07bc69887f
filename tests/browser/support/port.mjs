// Ports for servers of tests.
import { createServer } from 'node:net'

/** A port that nobody listens on. */
export const freePort = () =>
  new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => found(port))
    })
  })
