/** What the server refused: listed for the application, and given to its functions that decide about conflicts. */
import { TidewellError } from '../errors.js'
import type { Commands } from './runner.js'
import { fromWire, refusedOf, toWire, type WireLetter, type WireMutation } from './ops.js'
import type { SyncLetter, PendingMutation, SyncMerge, SyncMigrate, SyncOp } from './types.js'

const LIMIT = 100

/** The outbox. */
export async function outboxOf(commands: Commands, limit = LIMIT): Promise<readonly PendingMutation[]> {
  const { mutations } = (await commands.read({ op: 'syncPending', limit })) as { mutations: WireMutation[] }
  return mutations.map(pendingOf)
}

const pendingOf = ({ ops, ...rest }: WireMutation): PendingMutation => ({ ...rest, ops: ops.map(fromWire) })

/** Writes that are looked at in one step. */
const STEP = 500

/** Brings what waits from older schemas to this one. Resolves with whether there was anything. */
export async function raise(commands: Commands, schema: number, migrate: SyncMigrate): Promise<boolean> {
  const raised: { readonly id: string; readonly ops: readonly unknown[] }[] = []
  let some = false
  for (let after = 0; ;) {
    const command = { op: 'syncPending', after, limit: STEP }
    const { mutations } = (await commands.read(command)) as { mutations: WireMutation[] }
    for (const mutation of mutations) {
      if (mutation.schema >= schema) continue
      some = true
      const ops = await raisedOps(mutation, migrate)
      if (ops !== undefined) raised.push({ id: mutation.id, ops })
    }
    after = mutations.at(-1)?.seq ?? after
    if (mutations.length < STEP) break
  }
  if (some) await commands.send({ op: 'syncMigrate', mutations: raised })
  return some
}

/** The dead letters. `touched` is called when one was decided about. */
export async function lettersOf(
  commands: Commands,
  touched: () => void,
  limit = LIMIT,
): Promise<readonly SyncLetter[]> {
  const decide = async (command: { readonly op: string; readonly id: string; readonly ops?: unknown }) => {
    await commands.send(command)
    touched()
  }
  return (await wireLetters(commands, limit)).map((letter) => ({
    ...refusedOf(letter),
    documents: letter.documents,
    retry: () => decide({ op: 'syncRetry', id: letter.id }),
    edit: async (ops: readonly SyncOp[]) => decide({ op: 'syncRetry', id: letter.id, ops: toWire(ops) }),
    discard: () => decide({ op: 'syncDiscard', id: letter.id }),
  }))
}

async function wireLetters(commands: Commands, limit: number): Promise<WireLetter[]> {
  return ((await commands.read({ op: 'syncLetters', limit })) as { letters: WireLetter[] }).letters
}

async function raisedOps(mutation: WireMutation, migrate: SyncMigrate) {
  try {
    const ops = await migrate(pendingOf(mutation))
    return ops === null || ops === undefined ? undefined : toWire(ops)
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new TidewellError('unavailable', `sync: migrate failed, and nothing is sent until it does not: ${what}`, {
      reason: 'migrate',
      cause,
    })
  }
}

/** Asks the functions of an application. */
export class Merger {
  readonly #merges: ReadonlyMap<string, SyncMerge>
  /** Letters that are for somebody to look at. */
  readonly #left = new Set<string>()

  constructor(merges: ReadonlyMap<string, SyncMerge>) {
    this.#merges = merges
  }

  /** Whether there is a function at all. */
  get isNeeded(): boolean {
    return this.#merges.size > 0
  }

  /** Asks about every letter that met another's change. Resolves with what a function threw, if one did. */
  async run(commands: Commands): Promise<unknown> {
    let failure: unknown
    for (const letter of await wireLetters(commands, LIMIT)) {
      const merge = letter.ops.map(({ c }) => this.#merges.get(c)).find((one) => one !== undefined)
      if (letter.code !== 'version' || merge === undefined || this.#left.has(letter.id)) continue
      try {
        const ops = await merge(refusedOf(letter), letter.documents)
        if (ops === null || ops === undefined) this.#left.add(letter.id)
        else await commands.send({ op: 'syncRetry', id: letter.id, ops: toWire(ops) })
      } catch (error) {
        // Asked again by the next session; until then it stays where people see it.
        this.#left.add(letter.id)
        failure = error
      }
    }
    return failure
  }
}
