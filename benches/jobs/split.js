// The jobs of the benchmark of partitions, as a page and those who help it declare them alike.
const sum = (_, values) => values.reduce((a, b) => a + b, 0)
const words = ({ body }, emit) => {
  for (const word of body.split(' ')) if (word !== '') emit(word, 1)
}
/** About 0.05 ms for each document, on the machine that the figures are from. */
const costly = ({ body, group }, emit) => {
  let hash = 0
  for (let round = 0; round < 60; round++) for (let at = 0; at < body.length; at++) hash = (Math.imul(hash, 31) + body.charCodeAt(at)) | 0
  emit(group, (hash >>> 8) & 1)
}
const split = [{ $project: { word: { $split: ['$body', ' '] } } }, { $unwind: '$word' }, { $match: { word: { $ne: '' } } }]

const JOBS = {
  'a costly function': { map: costly, combine: sum, reduce: sum },
  'words by functions': { map: words, combine: sum, reduce: sum },
  'words by a pipeline': { pipeline: [...split, { $group: { _id: '$word', value: { $sum: 1 } } }] },
  'a sum by expressions': { map: { key: '$group', value: '$amount' }, reduce: 'sum' },
}

export const works = Object.keys(JOBS)

/** The job that does `work`. */
export const jobOf = (db, work, partitions) => db.job(`${work} ${partitions}`, { from: 'docs', into: 'out', partitions, version: 1, ...JOBS[work] })
