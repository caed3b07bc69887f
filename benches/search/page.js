// The page of the search benchmark: one engine and one data set, named in the address. Times are milliseconds.
const parameters = new URL(location.href).searchParams
const { engine: make } = await import(`/bench/${parameters.get('engine')}.js`)
const data = parameters.get('data')
const engine = make({ fields: parameters.get('fields').split(','), english: parameters.get('english') === 'true' })
const name = `${parameters.get('engine')}-${data}-${parameters.get('english')}`

const timed = async (work) => {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}
const documents = async () => {
  const text = await (await fetch(`/data/${data}`)).text()
  return text.trim().split('\n').map((line) => JSON.parse(line))
}

window.bench = {
  async build() {
    const all = await documents()
    await engine.open(name)
    const build = await timed(() => engine.build(all))
    await engine.settle?.()
    return { build, bytes: await engine.bytes(), documents: all.length }
  },
  /** Opens what was built: the engine (most load their index with it), all of its program, the first answer. */
  async open(query) {
    const engineOpened = await timed(() => engine.open(name))
    const programLoaded = engine.loaded === undefined ? 0 : await timed(() => engine.loaded())
    return [engineOpened, programLoaded, await timed(() => engine.query(query, 'one'))]
  },
  /** Each query once to warm up, then once to count; the share of queries that found anything. */
  async query(kind, queries) {
    if (engine.query(queries[0], kind) === undefined) return undefined
    for (const text of queries) await engine.query(text, kind)
    const samples = []
    let found = 0
    for (const text of queries) {
      let ids
      samples.push(await timed(async () => (ids = await engine.query(text, kind))))
      if (ids.length > 0) found += 1
    }
    return { samples, found: found / queries.length }
  },
  async update(count) {
    const all = (await documents()).slice(0, count)
    const samples = []
    for (const document of all) samples.push(await timed(() => engine.update({ ...document, title: `${document.title} tidewell` })))
    return samples
  },
  memory: () => engine.memory?.(),
  close: () => engine.close(),
}
