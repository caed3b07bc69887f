/** What the server refused: listed for the application, and given to its functions that decide about conflicts. */
import type { Commands } from './runner.js'
import { pendingOf, refusedOf, toWire, type WireLetter, type WireMutation } from './ops.js'
import type { SyncLetter, PendingMutation, SyncMerge, SyncOp } from './types.js'

const LIMIT = 100

/** The outbox. */
export async function outboxOf(commands: Commands, limit = LIMIT): Promise<readonly PendingMutation[]> {
  const { mutations } = (await commands.read({ op: 'syncPending', limit })) as { mutations: WireMutation[] }
  return mutations.map(pendingOf)
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
