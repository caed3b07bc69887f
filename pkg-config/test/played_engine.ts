/** Syncing over an engine and a server that a test plays. */
import type { BackendEvent } from '../src/backend.js'
import { Database, forwardEvents } from '../src/database.js'
import { EventHub } from '../src/events.js'
import type { SyncOptions } from '../src/sync/types.js'
import { FakeBackend } from './fake_backend.js'
import { type Answering, fakeServer, type FakeServer } from './fake_server.js'

export type Command = Record<string, unknown>

export const STATUS = {
  state: 'connecting',
  pending: 0,
  settled: true,
  letters: 0,
  version: 1 as number | null,
  whole: true,
  epoch: 'e',
  replica: 'r',
  collections: ['notes'],
  received: 0,
}

/** An engine that wants these bodies sent, one after another, and then rests. */
export class PlayedEngine {
  status: typeof STATUS & { readonly tooLarge?: number } = { ...STATUS }
  readonly bodies: [kind: 'push' | 'pull', body: string][]
  readonly handed: Command[] = []
  letters: unknown[] = []
  #tag = 0

  constructor(...bodies: [kind: 'push' | 'pull', body: string][]) {
    this.bodies = bodies
  }

  readonly script = (command: Command): unknown => {
    const { op } = command
    if (op === 'syncStatus' || op === 'syncOpen' || op === 'syncClose') return this.status
    if (op === 'syncNext') {
      const { status } = this
      if (status.state === 'needs-auth' || status.state === 'off') return { status, paused: true }
      const next = this.bodies.shift()
      return next === undefined ? { status, wait: 60_000 } : { status, send: ++this.#tag, kind: next[0], body: next[1] }
    }
    if (op === 'syncLetters') return { letters: this.letters }
    if (op === 'syncPending')
      return { mutations: [{ seq: 1, id: 'm', ops: [{ c: 'notes', id: 'n', if: 3, remove: true }], answered: false }] }
    this.handed.push(command)
    const kind = op === 'syncAnswer' ? (JSON.parse(String(command['body'])) as { kind?: string }).kind : undefined
    const state =
      op === 'syncFailed' ? 'offline' : kind === 'auth' ? 'needs-auth' : op === 'syncResume' ? 'connecting' : 'live'
    this.status = { ...this.status, state }
    return { status: this.status }
  }

  /** What was handed back under this command's name. */
  of(op: string): Command[] {
    return this.handed.filter((command) => command['op'] === op)
  }
}

export interface Scene {
  readonly db: Database
  readonly fake: FakeBackend
  readonly server: FakeServer
  readonly errors: Error[]
  readonly tell: (event: BackendEvent) => void
}

/** A database over the played engine, and a server that answers so; both are gone at the end. */
export async function scene(
  engine: PlayedEngine,
  answering: Answering,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const server = await fakeServer(answering)
  const hub = new EventHub()
  const fake = new FakeBackend(engine.script)
  const db = new Database('played', fake, hub, 'relaxed')
  const errors: Error[] = []
  db.on('error', (error) => errors.push(error))
  try {
    await run({ db, fake, server, errors, tell: forwardEvents(hub) })
  } finally {
    await db.close()
    await server.close()
  }
}

export const optionsFor = ({ url }: FakeServer, more: Partial<SyncOptions> = {}): SyncOptions => ({
  url,
  ...(more.getToken === undefined ? { token: 'good' } : {}),
  collections: ['notes'],
  live: false,
  ...more,
})

export const ok: Answering = () => ({ body: { v: 1, kind: 'page' } })
