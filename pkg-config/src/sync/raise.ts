/** Brings writes that wait since an older schema of the application to the new one. Which they are, and under what name they go, the engine knows. */
import { TidewellError } from '../errors.js'
import { pendingOf, toWire, type WireMutation, type WireOp } from './ops.js'
import type { Commands } from './runner.js'
import type { SyncMigrate } from './types.js'

/** The most that the engine answers at once: it looks for the first of them from the beginning. */
const STEP = 10_000

/** Asks about everything that waits from before `schema`. Resolves with whether there was anything. */
export async function raise(commands: Commands, schema: number, migrate: SyncMigrate): Promise<boolean> {
  const raised: { readonly id: string; readonly ops: readonly WireOp[] }[] = []
  let some = false
  for (let after = 0, more = true; more;) {
    const command = { op: 'syncPending', after, limit: STEP }
    const { mutations } = (await commands.read(command)) as { mutations: WireMutation[] }
    for (const mutation of mutations.filter((one) => one.schema < schema)) {
      some = true
      const ops = await asked(mutation, migrate)
      if (ops !== undefined) raised.push({ id: mutation.id, ops })
    }
    after = mutations.at(-1)?.seq ?? after
    more = mutations.length === STEP
  }
  if (some) await commands.send({ op: 'syncMigrate', mutations: raised })
  return some
}

async function asked(mutation: WireMutation, migrate: SyncMigrate): Promise<WireOp[] | undefined> {
  try {
    const ops = await migrate(pendingOf(mutation))
    return ops === null || ops === undefined ? undefined : toWire(ops)
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause)
    const message = `sync: migrate failed, and nothing is sent until it does not: ${what}`
    throw new TidewellError('unavailable', message, { reason: 'migrate', cause })
  }
}
