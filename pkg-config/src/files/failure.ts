/** What storage in files throws for the engine to read: `disk` says what happened, `at` which insert met a blob. */
export function failure(
  disk: 'exists' | 'quota' | 'lost' | 'closed' | 'unavailable',
  message: string,
  at?: number,
): Error & { readonly disk: string } {
  return Object.assign(new Error(message), { disk, ...(at === undefined ? {} : { at }) })
}
