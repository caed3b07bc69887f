/** A backend that does what a test tells it, and writes down what it was asked. */
import type { Answer, Backend, BackendEvent, Importer } from '../src/backend.js'

/** Answers a command; a promise makes it asynchronous, a throw fails it. */
export type Script = (command: Record<string, unknown>) => unknown

export class FakeBackend implements Backend {
  readonly kind = 'memory'
  readonly asked: Record<string, unknown>[] = []
  readonly listeners = new Map<string, (event: Answer) => void>()
  readonly imported: string[] = []
  ended = 0
  closed = false
  readonly emit: (event: BackendEvent) => void
  readonly #script: Script

  constructor(script: Script, emit: (event: BackendEvent) => void = () => undefined) {
    this.#script = script
    this.emit = emit
  }

  get(collection: string, id: string): Answer | null | Promise<Answer | null> {
    const found = this.#run({ op: 'get', collection, id })
    if (found instanceof Promise) return found.then((value: unknown) => (value === null ? null : answer(value)))
    return found === null ? null : answer(found)
  }

  read(command: string): Answer | Promise<Answer> {
    const value = this.#run(JSON.parse(command) as Record<string, unknown>)
    return value instanceof Promise ? value.then(answer) : answer(value)
  }

  async execute(command: string): Promise<Answer> {
    return answer(await this.#run(JSON.parse(command) as Record<string, unknown>))
  }

  async writeBatch(
    op: string,
    collection: string,
    documents: string,
    version: number | undefined,
    durability: string,
  ): Promise<Answer> {
    const versioned = version === undefined ? {} : { version }
    return answer(
      await this.#run({ op, collection, ...versioned, docs: JSON.parse(documents), durability, batch: true }),
    )
  }

  async subscribe(command: string, listener: (event: Answer) => void): Promise<() => void> {
    this.listeners.set(command, listener)
    listener(answer(await this.#run({ ...(JSON.parse(command) as object), subscribe: true })))
    return () => {
      this.ended++
      this.listeners.delete(command)
    }
  }

  async analyzers(analyzers: readonly unknown[]): Promise<void> {
    this.asked.push({ op: 'analyzers', analyzers })
  }

  async rehearse(faults: string, latencyMs: number): Promise<void> {
    this.asked.push({ op: 'rehearse', faults, latencyMs })
  }

  async *export(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (const chunk of ['one', 'two', 'three']) yield new TextEncoder().encode(chunk)
    } finally {
      this.ended++
    }
  }

  async import(): Promise<Importer> {
    return {
      push: async (chunk) => {
        this.imported.push(new TextDecoder().decode(chunk))
      },
      finish: async () => answer({ collections: 1, documents: this.imported.length }),
    }
  }

  async close(): Promise<void> {
    this.closed = true
  }

  #run(command: Record<string, unknown>): unknown {
    this.asked.push(command)
    return this.#script(command)
  }
}

function answer(value: unknown): Answer {
  const json = JSON.stringify(value)
  return { json, extended: json.includes('"$') }
}
