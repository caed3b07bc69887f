/**
 * The entry for looking at a database while it works: `<tidewell-inspector>`. Load it when somebody wants to look; it works on what the
 * application opened, and brings no engine.
 *
 * @module tidewell/inspector
 */
import type { Database } from '../database.js'
import { InspectorElement, type InspectorOptions } from '../inspector/element.js'

export { InspectorElement, type InspectorOptions } from '../inspector/element.js'
export type { Switch } from '../inspector/panel.js'

const NAME = 'tidewell-inspector'

/** Makes the element known; a page that has it already keeps it. */
function define(): void {
  if (typeof customElements !== 'undefined' && customElements.get(NAME) === undefined)
    customElements.define(NAME, InspectorElement)
}

define()

/** An inspector that was mounted. */
export interface MountedInspector {
  readonly element: InspectorElement
  /** Takes it away, and lets go of the database. */
  remove(): void
}

/**
 * Shows what `db` does: the log as it grows and what each commit changed, latencies, storage, live queries, caches, topics, jobs, and
 * switches for faults (open the database with `faults: {}` for those of storage).
 *
 * @param into the element to fill; without one it is docked in a corner of the page.
 */
export function mountInspector(db: Database, into?: Element | null, options: InspectorOptions = {}): MountedInspector {
  define()
  const element = document.createElement(NAME) as InspectorElement
  if (into === undefined || into === null) element.setAttribute('docked', '')
  element.inspect(db, options)
  ;(into ?? document.body).append(element)
  return { element, remove: () => element.remove() }
}
