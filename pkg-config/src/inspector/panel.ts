/** What the parts of the inspector have in common. What each shows is its own. */

/** A part of the inspector. */
export interface Panel {
  readonly name: string
  readonly element: HTMLElement
  /** Shows what is so now; called while it is seen. */
  readonly refresh?: () => Promise<void>
  /** Lets go of the database. */
  readonly stop?: () => void
}

/** What an application adds to the faults: a network that can be cut, a tab that can be killed. */
export interface Switch {
  readonly label: string
  /** What it is now. Without it the switch is a button. */
  readonly isOn?: () => boolean
  /** Called with what it shall be. */
  readonly set: (on: boolean) => unknown
}

/** An error in one sentence. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
