/**
 * A stream as the application describes it: the steps are written down, and nothing else, until it runs. The code behind it is a chunk
 * of its own, loaded then; so the methods are declared in `options.ts`, and what they mean is in `plan.ts`.
 */
import { notLoaded } from '../errors.js'
import type { StreamHost } from './runner.js'

/** A step as it was called. */
export type Step = readonly [method: string, ...args: unknown[]]

/** Steps so far. */
export class Description {
  readonly host: StreamHost | undefined
  readonly name: string
  readonly steps: readonly Step[]

  constructor(host: StreamHost | undefined, name: string, steps: readonly Step[] = []) {
    this.host = host
    this.name = name
    this.steps = steps
  }
}

for (const method of 'from filter map flatMap lookup keyBy window join count aggregate into run reset'.split(' ')) {
  Object.defineProperty(Description.prototype, method, {
    value(this: Description, ...args: unknown[]) {
      // Those that begin with r are the last.
      return method[0] === 'r'
        ? import('./runner.js').catch(notLoaded).then(({ call }) => call(this, method, args[0]))
        : new Description(this.host, this.name, [...this.steps, [method, ...args]])
    },
  })
}
