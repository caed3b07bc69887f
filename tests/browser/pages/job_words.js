// A job that a page and its worker declare alike, as docs/JOBS.md shows it. What each does before it maps a document is its own affair.

/** The job, of a source that is split. */
export const words = (before) => ({
  from: 'notes',
  map: async ({ text }, emit) => {
    await before()
    for (const word of text.split(' ')) emit(word, 1)
  },
  combine: (_, counts) => counts.reduce((a, b) => a + b),
  reduce: (_, counts) => counts.reduce((a, b) => a + b),
  into: 'counts',
  partitions: 8,
  version: 1,
})
