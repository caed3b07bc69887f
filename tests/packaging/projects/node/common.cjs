// Node, as CommonJS: no warning, no flag.
const tidewell = require('tidewell')
const { scenario } = require('./scenario.js')

scenario(tidewell).then((seen) => console.log(JSON.stringify(seen)))
