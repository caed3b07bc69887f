// The page of the benchmark of syncing: one device of one engine.
const engine = (await import(`/bench/sync-${new URL(location.href).searchParams.get('engine')}.js`)).default

const clock = () => performance.timeOrigin + performance.now()
const documentOf = (n, live) => ({
  _id: `${live ? 'live' : 'note'}-${String(n).padStart(7, '0')}`,
  title: 'A note of ordinary length',
  live,
  tags: ['home', 'later'],
  text: 'lorem ipsum '.repeat(10),
})
let arrivals = new Map()

window.bench = {
  open: (name) => engine.open(name),
  /** Writes documents on this device, a thousand at a time. */
  async fill(total) {
    for (let at = 0; at < total; at += 1000) await engine.write(Array.from({ length: Math.min(1000, total - at) }, (_, n) => documentOf(at + n, false)))
  },
  /** The same, one by one. */
  async fillSingly(total) {
    for (let n = 0; n < total; n++) await engine.put(documentOf(n, false))
  },
  join: (where) => engine.join(where),
  /** Resolves once the device and the server have the same. */
  settled: () => engine.settled(),
  count: () => engine.count(),
  async listen() {
    arrivals = new Map()
    await engine.listen((id) => arrivals.set(id, clock()))
  },
  arrivals: () => [...arrivals],
  /** Writes documents one by one; answers when each write began. */
  async send(from, count) {
    const sent = []
    for (let n = from; n < from + count; n++) {
      sent.push([documentOf(n, true)._id, clock()])
      await engine.put(documentOf(n, true))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return sent
  },
  close: () => engine.close(),
}
