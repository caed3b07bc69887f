import { open } from 'tidewell'

const db = await open('reading-list')
const books = db.collection('books', { indexes: ['topic', 'added'], search: { title: 3, topic: 1 } })

// Two tabs may find it empty at once: the second transaction to commit finds that what it counted has changed, and runs again.
if ((await books.count()) === 0)
  await db.transaction(async (tx) => {
    const empty = tx.collection(books)
    if ((await empty.count()) > 0) return
    await empty.insertMany([
      { title: 'The Sea Around Us', topic: 'sea', read: false, added: new Date() },
      { title: 'Communicating Sequential Processes', topic: 'computing', read: false, added: new Date() },
      { title: 'Synchronous Machines', topic: 'computing', read: true, added: new Date() },
    ])
  })

const element = (id) => document.getElementById(id)
let topic = null
let stop = () => {}

/** Shows what the search box and the topic ask for, from now on. */
function show() {
  stop()
  const text = element('search').value.trim()
  const filter = topic === null ? {} : { topic }
  stop =
    text === ''
      ? books.find(filter).sort({ read: 1, added: -1 }).subscribe(({ docs }) => draw(docs))
      : books.subscribeSearch(text, { filter, fuzzy: 'auto', prefix: 'last', limit: 50 }, ({ value }) =>
          draw(value.hits.map(({ doc }) => doc)),
        )
}

function draw(docs) {
  element('list').replaceChildren(...docs.map(item))
  element('status').textContent = docs.length === 0 ? 'Nothing here.' : ''
}

function item({ id, title, topic, read }) {
  const line = document.createElement('li')
  const tick = Object.assign(document.createElement('input'), { type: 'checkbox', checked: read, ariaLabel: `Read ${title}` })
  tick.addEventListener('change', () => books.update(id, { $set: { read: tick.checked } }))
  const remove = Object.assign(document.createElement('button'), { textContent: '×', ariaLabel: `Remove ${title}` })
  remove.addEventListener('click', () => books.delete(id))
  const name = Object.assign(document.createElement('span'), { textContent: title, className: read ? 'read' : '' })
  const label = Object.assign(document.createElement('small'), { textContent: topic })
  line.append(tick, name, label, remove)
  return line
}

/** One button for each topic, with how many books it has: counted anew by every commit that changes it. */
books.subscribeAggregate([{ $group: { _id: '$topic', n: { $sum: 1 } } }, { $sort: { _id: 1 } }], ({ value }) => {
  const button = (name, label) => {
    const one = Object.assign(document.createElement('button'), { textContent: label })
    one.ariaPressed = String(topic === name)
    one.addEventListener('click', () => {
      topic = name
      for (const other of element('topics').children) other.ariaPressed = String(other === one)
      show()
    })
    return one
  }
  element('topics').replaceChildren(button(null, 'all'), ...value.map(({ _id, n }) => button(_id, `${_id} ${n}`)))
})

element('search').addEventListener('input', show)
element('add').addEventListener('submit', async (event) => {
  event.preventDefault()
  const form = event.target
  const { title, topic } = Object.fromEntries(new FormData(form))
  await books.insert({ title, topic: topic.trim() || 'other', read: false, added: new Date() })
  form.reset()
})
db.on('error', ({ message }) => (element('status').textContent = message))
show()
