// The jobs as Tidewell runs them: by expressions, by functions and a reduction, by functions alone, and as pipelines.
import { open } from '/tidewell.js'

const split = [{ $project: { word: { $split: ['$body', ' '] } } }, { $unwind: '$word' }, { $match: { word: { $ne: '' } } }]
const sum = (_, values) => values.reduce((a, b) => a + b, 0)
const groups = (document, emit) => emit(document.group, document.amount)
const words = ({ body }, emit) => {
  for (const word of body.split(' ')) if (word !== '') emit(word, 1)
}
const JOBS = {
  'sum by group': {
    'map and reduce in the engine': { map: { key: '$group', value: '$amount' }, reduce: 'sum' },
    'map by a function, reduce in the engine': { map: groups, reduce: 'sum' },
    'functions with combine': { map: groups, combine: sum, reduce: sum },
    'functions that name their fields': { map: groups, combine: sum, reduce: sum, fields: ['group', 'amount'] },
  },
  'word count': {
    'pipeline in the engine': { pipeline: [...split, { $group: { _id: '$word', value: { $sum: 1 } } }] },
    'functions with combine': { map: words, combine: sum, reduce: sum },
    'functions that name their fields': { map: words, combine: sum, reduce: sum, fields: ['body'] },
  },
}

export const engine = () => {
  let db
  let docs
  return {
    ways: (work) => Object.keys(JOBS[work]),
    async open(name) {
      db = await open(name)
      docs = db.collection('docs')
    },
    bulk: (documents) => docs.insertMany(documents),
    async run(work, way) {
      await db.job(`${work} ${way}`, { from: docs, into: 'out', ...JOBS[work][way] }).run()
      const out = await db.collection('out').find().toArray()
      return out.map(({ id, value }) => [id, value])
    },
    settle: () => db.flush(),
    close: () => db.close(),
  }
}
