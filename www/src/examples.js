// Queries to begin with. Each shows something else of the query language.

/** `name` in the menu, `kind`, `text` of the filter or pipeline, and the other fields of a find query. */
export const EXAMPLES = [
  { name: 'Everything, newest first', kind: 'find', text: '{}', sort: '{ date: -1 }' },
  {
    name: 'Machine learning since 2015',
    kind: 'find',
    text: '{\n  date: { $gte: "2015" },\n  categories: "cs.LG"\n}',
    sort: '{ date: -1 }',
  },
  { name: 'Titles about black holes', kind: 'find', text: '{ title: /black holes?/i }', sort: '{ date: 1 }', fields: '{ title: 1, date: 1 }' },
  {
    name: 'Long abstracts by one author',
    kind: 'find',
    text: '{\n  authors: { $size: 1 },\n  words: { $gt: 250 }\n}',
    sort: '{ words: -1 }',
    limit: '50',
  },
  {
    name: 'Quantum or gravity, but not both',
    kind: 'find',
    text: '{\n  $or: [\n    { categories: "quant-ph" },\n    { categories: "gr-qc" }\n  ],\n  $nor: [{ categories: { $all: ["quant-ph", "gr-qc"] } }]\n}',
    sort: '{ date: -1 }',
  },
  {
    name: 'Papers per year',
    kind: 'pipeline',
    text: '[\n  { $group: {\n    _id: { $substrCP: ["$date", 0, 4] },\n    papers: { $sum: 1 },\n    words: { $avg: "$words" }\n  } },\n  { $sort: { _id: -1 } }\n]',
  },
  {
    name: 'Most frequent categories',
    kind: 'pipeline',
    text: '[\n  { $unwind: "$categories" },\n  { $group: { _id: "$categories", papers: { $sum: 1 } } },\n  { $sort: { papers: -1 } },\n  { $limit: 20 }\n]',
  },
  {
    name: 'Who writes most with others',
    kind: 'pipeline',
    text: '[\n  { $match: { "authors.1": { $exists: true } } },\n  { $unwind: "$authors" },\n  { $group: { _id: "$authors", papers: { $sum: 1 }, first: { $min: "$date" }, last: { $max: "$date" } } },\n  { $sort: { papers: -1 } },\n  { $limit: 25 }\n]',
  },
]
