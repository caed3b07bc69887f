// The network of one device. What the device sends goes to an address of its own; a cut makes those requests fail, and ends those under
// way, as a lost connection does. Nobody else's requests are touched.

const real = globalThis.fetch.bind(globalThis)
const cut = new Map()
let send = real

/** Hands what devices send to `server` and not to the network. */
export const answerBy = (server) => {
  send = server
}

globalThis.fetch = (input, init = {}) => {
  const address = String(input instanceof Request ? input.url : input)
  const network = [...cut.values()].find(({ path }) => address.includes(path))
  if (network === undefined) return real(input, init)
  if (network.isCut) return Promise.reject(new TypeError('the network of this device is cut'))
  const signals = [network.abort.signal, ...(init.signal ? [init.signal] : [])]
  return send(input, { ...init, signal: AbortSignal.any(signals) })
}

/** The network of the device `id`: requests below `sync/<id>/`. */
export const makeNetwork = (id) => {
  const network = { path: `/sync/${id}/`, isCut: false, abort: new AbortController() }
  cut.set(id, network)
  return {
    get isOn() {
      return !network.isCut
    },
    set(on) {
      network.isCut = !on
      if (!on) network.abort.abort(new TypeError('the network of this device was cut'))
      else network.abort = new AbortController()
      // As a browser does when it has a network again.
      if (on) globalThis.dispatchEvent(new Event('online'))
    },
  }
}
