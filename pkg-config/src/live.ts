/** Live results: the engine's events turned into arrays and diffs. It keeps one array per subscription and runs no query itself. */
import type { Answer, Backend } from './backend.js'
import { decode } from './codec/decode.js'
import { aborted, TidewellError, toError } from './errors.js'
import { callSafely, type EventHub } from './events.js'
import type { Diff, LiveOptions, LiveResult, LiveValue } from './types/options.js'
import type { Signal } from './types/signal.js'

/** An event as docs/COMMANDS.md has it. */
type LiveEvent<R> =
  | { readonly kind: 'snapshot'; readonly position: number; readonly docs: R[] }
  | ({ readonly kind: 'diff'; readonly position: number } & Partial<Diff<R>>)
  | { readonly kind: 'value'; readonly position: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }

/** The array after `diff`, as a new array: out with the removed and the moved, in with the added and the moved, then the changed. */
export function applyDiff<R>(before: readonly R[], diff: Diff<R>): R[] {
  const gone = new Set<number>()
  for (const { index } of diff.removed) gone.add(index)
  for (const { from } of diff.moved) gone.add(from)
  const after = gone.size === 0 ? [...before] : before.filter((_, index) => !gone.has(index))
  const coming = [
    ...diff.added.map(({ index, doc }) => ({ index, doc })),
    ...diff.moved.map(({ to, doc }) => ({ index: to, doc })),
  ]
  coming.sort((a, b) => a.index - b.index)
  for (const { index, doc } of coming) after.splice(index, 0, doc)
  for (const { index, doc } of diff.changed) after[index] = doc
  return after
}

/** What a subscription needs besides its command. */
export interface LiveContext {
  readonly backend: Backend
  readonly hub: EventHub
  /** Resolves with the command's text when it may be sent; rejects if it never may. */
  readonly command: () => Promise<string>
}

/** Delivers documents and diffs to `callback` until the answer is called. */
export function subscribeDocuments<R>(
  context: LiveContext,
  callback: (result: LiveResult<R>) => void,
  options: LiveOptions = {},
): () => void {
  let docs: readonly R[] = []
  return subscribe<R>(context, options, (event) => {
    if (event.kind === 'snapshot') {
      docs = event.docs
      callSafely(callback, { docs, diff: null, position: event.position })
    } else if (event.kind === 'diff') {
      const diff: Diff<R> = {
        removed: event.removed ?? [],
        moved: event.moved ?? [],
        added: event.added ?? [],
        changed: event.changed ?? [],
      }
      docs = applyDiff(docs, diff)
      callSafely(callback, { docs, diff, position: event.position })
    }
  })
}

/** Delivers the value of a count, distinct or aggregation to `callback` until the answer is called. */
export function subscribeValue<V>(
  context: LiveContext,
  callback: (result: LiveValue<V>) => void,
  options: LiveOptions = {},
): () => void {
  return subscribe(context, options, (event) => {
    if (event.kind === 'value') callSafely(callback, { value: event.value as V, position: event.position })
  })
}

function subscribe<R>(context: LiveContext, options: LiveOptions, deliver: (event: LiveEvent<R>) => void): () => void {
  let stop: (() => void) | undefined
  let ended = options.signal?.aborted === true
  const end = () => {
    ended = true
    context.hub.live.delete(sent)
    options.signal?.removeEventListener('abort', end)
    stop?.()
    stop = undefined
  }
  const fail = (thrown: unknown, isTold = false) => {
    if (ended) return
    end()
    const error = toError(thrown)
    if (options.onError !== undefined) callSafely(options.onError, error)
    else if (!isTold) context.hub.emit('error', error)
  }
  const sent = { command: '', die: (error: TidewellError) => fail(error, true) }
  const listen = (answer: Answer) => {
    if (ended) return
    const event = decode(answer.json, answer.extended) as LiveEvent<R>
    if (event.kind === 'error') fail(event)
    else deliver(event)
  }
  if (ended) return end
  options.signal?.addEventListener('abort', end, { once: true })
  context
    .command()
    .then((command) => {
      if (ended) return undefined
      sent.command = command
      context.hub.live.add(sent)
      return context.backend.subscribe(command, listen)
    })
    .then((started) => {
      stop = started
      if (ended) stop?.()
    })
    .catch(fail)
  return end
}

/**
 * Live results as an async iterable. A consumer that is slower than the writes gets the newest result; what it skipped is not
 * queued, and `diff` is null when something was skipped.
 */
export async function* iterateLive<R>(
  start: (callback: (result: LiveResult<R>) => void, options: LiveOptions) => () => void,
  signal: Signal | undefined,
): AsyncGenerator<LiveResult<R>, void, undefined> {
  let latest: LiveResult<R> | undefined
  let failure: TidewellError | undefined
  let wake: () => void = () => undefined
  const onAbort = () => wake()
  const stop = start(
    (result) => {
      latest = latest === undefined ? result : { ...result, diff: null }
      wake()
    },
    {
      signal,
      onError: (error) => {
        failure = toError(error)
        wake()
      },
    },
  )
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      if (signal?.aborted === true) throw aborted(signal.reason)
      if (failure !== undefined) throw failure
      if (latest !== undefined) {
        const result = latest
        latest = undefined
        yield result
      } else {
        await new Promise<void>((resolve) => (wake = resolve))
      }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stop()
  }
}
