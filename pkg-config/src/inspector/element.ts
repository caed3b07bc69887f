/** The custom element `<tidewell-inspector>`: tabs over panels, in a shadow tree. What the panels show is theirs. */
import type { Database } from '../database.js'
import { commitsPanel } from './commits.js'
import { h } from './dom.js'
import { faultsPanel } from './faults.js'
import { latencyPanel, storagePanel } from './figures.js'
import { livePanel } from './live.js'
import { type Panel, sentence, type Switch } from './panel.js'
import { STYLE } from './style.js'

/** What an inspector is mounted with. */
export interface InspectorOptions {
  /** Switches of the application beside the faults of storage: a network that can be cut, a tab that can be killed. */
  readonly switches?: readonly Switch[] | undefined
  /** `light` or `dark`; by default as the page around it. */
  readonly theme?: 'light' | 'dark' | undefined
}

const REFRESH_MS = 1000

// A server renders no elements; it may import the module all the same.
const Base = (globalThis as { HTMLElement?: typeof HTMLElement }).HTMLElement ?? (class {} as typeof HTMLElement)

/** Shows what a database does. Give it one with {@link InspectorElement.inspect}. */
export class InspectorElement extends Base {
  #panels: readonly Panel[] = []
  #shown: Panel | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #db: Database | undefined
  #options: InspectorOptions = {}

  /** Shows that database from now on, or none. */
  inspect(db: Database | undefined, options: InspectorOptions = {}): void {
    this.#release()
    this.#db = db
    this.#options = options
    if (options.theme !== undefined) this.setAttribute('theme', options.theme)
    if (this.isConnected) this.connectedCallback()
  }

  /** @internal */
  connectedCallback(): void {
    if (this.#db === undefined || this.#panels.length > 0) return
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    root.adoptedStyleSheets = [sheet]
    const db = this.#db
    this.#panels = [
      commitsPanel(db),
      latencyPanel(db),
      storagePanel(db),
      livePanel(db),
      faultsPanel(db, this.#options.switches ?? []),
    ]
    root.replaceChildren(this.#build(db.name))
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS)
  }

  /** @internal */
  disconnectedCallback(): void {
    this.#release()
  }

  #release(): void {
    clearInterval(this.#timer)
    for (const { stop } of this.#panels) stop?.()
    this.#panels = []
    this.#shown = undefined
  }

  #build(name: string): HTMLElement {
    const body = h('div', { class: 'body', role: 'tabpanel', id: 'body', tabindex: 0 })
    const tabs = this.#panels.map((panel) =>
      h('button', { type: 'button', role: 'tab', 'aria-controls': 'body', onclick: () => show(panel) }, panel.name),
    )
    const show = (panel: Panel) => {
      this.#shown = panel
      for (const [at, tab] of tabs.entries()) {
        const isShown = this.#panels[at] === panel
        tab.setAttribute('aria-selected', String(isShown))
        tab.tabIndex = isShown ? 0 : -1
      }
      body.setAttribute('aria-label', panel.name)
      body.replaceChildren(panel.element)
      this.#refresh()
    }
    const list = h('div', { role: 'tablist', 'aria-label': `Database ${name}` }, ...tabs)
    list.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
      const at = tabs.findIndex((tab) => tab.tabIndex === 0)
      const next = tabs[(at + step + tabs.length) % tabs.length]
      if (step === 0) return
      next?.focus()
      next?.click()
    })
    const [first] = this.#panels
    if (first !== undefined) show(first)
    return h('div', { class: 'root' }, h('header', {}, list, ...this.#fold()), body)
  }

  /** Docked, it can be folded away. */
  #fold(): HTMLElement[] {
    if (!this.hasAttribute('docked')) return []
    const button = h('button', { type: 'button', 'aria-expanded': 'true' }, 'Tidewell ▾')
    button.addEventListener('click', () => {
      const isClosed = this.toggleAttribute('closed')
      button.setAttribute('aria-expanded', String(!isClosed))
      button.textContent = isClosed ? 'Tidewell ▴' : 'Tidewell ▾'
    })
    return [button]
  }

  #refresh(): void {
    const shown = this.#shown
    if (document.hidden || this.hasAttribute('closed')) return
    shown?.refresh?.().catch((error: unknown) => {
      // A database that was closed or died has nothing more to show.
      if (shown === this.#shown) shown.element.replaceChildren(h('p', { class: 'note' }, sentence(error)))
    })
  }
}
