// Node, with data in files.
import * as tidewell from 'tidewell'
import { visit, write } from './files.js'

const [what, directory] = process.argv.slice(2)
if (what === 'write') await write(tidewell, directory, (number) => process.stdout.write(`${number}\n`))
const run = {
  visit: () => visit(tidewell, directory),
  delete: () => tidewell.deleteDatabase('app', { directory }).then(() => visit(tidewell, directory)),
  // As many as are acknowledged, each whole.
  count: async () => {
    const db = await tidewell.open('app', { directory })
    const all = await db.collection('numbers').find().toArray()
    await db.close()
    return { count: all.length, whole: all.every(({ id, text }) => text.length === Number(id) % 500) }
  },
}[what]
console.log(
  JSON.stringify(
    await run().catch(({ code, message }) => ({ code, message: message.replace(/^.*cannot be opened: /, '') })),
  ),
)
