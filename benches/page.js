// The bench page: one engine, named in the address, and the workloads.
import { reopen, workloads } from './workloads.js'

const name = new URL(location.href).searchParams.get('engine')
const { engine: make } = await import(`/bench/${name}.js`)
const engine = make()

window.bench = {
  durability: engine.durability,
  open: (database) => engine.open(database),
  run: (workload, parameters) => workloads[workload](engine, parameters),
  reopen: (database, id) => reopen(engine, database, id),
  bulk: (documents) => engine.bulk(documents),
  stats: () => engine.stats?.(),
  close: () => engine.close(),
}
