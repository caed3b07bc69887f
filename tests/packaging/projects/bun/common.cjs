// Bun, as CommonJS.
const tidewell = require('tidewell')
const { scenario } = require('./scenario.js')

scenario(tidewell).then((seen) => console.log(JSON.stringify(seen)))
