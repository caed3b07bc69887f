/** Types of `proxy.mjs` for tests in TypeScript. */
export interface Proxy {
  readonly url: string
  readonly counts: Record<string, number>
  set(settings: { faults?: number; delay?: number; down?: boolean }): void
  close(): Promise<void>
}
export function startProxy(port: number, options?: { seed?: number; faults?: number; delay?: number }): Promise<Proxy>
export function randomOf(seed: number): () => number
