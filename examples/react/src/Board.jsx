import { useLiveQuery } from 'tidewell/react'
import { addTask, COLUMNS, moves, moveTask, tasks, undo } from './database.js'

export function Board() {
  const { data: history } = useLiveQuery(moves.find().project({ at: 1 }).sort({ at: -1 }).limit(1))
  return (
    <main>
      <header>
        <h1>Board</h1>
        <NewTask />
        <button onClick={undo} disabled={!history?.length}>
          Undo
        </button>
      </header>
      <div className="columns">
        {COLUMNS.map((column) => (
          <Column key={column} column={column} />
        ))}
      </div>
    </main>
  )
}

function NewTask() {
  const add = (data) => addTask(data.get('title'))
  return (
    <form action={add}>
      <input name="title" placeholder="What is to be done?" aria-label="New task" required autoComplete="off" />
      <button>Add</button>
    </form>
  )
}

function Column({ column }) {
  const { data, status, error } = useLiveQuery(tasks.find({ column }).sort({ rank: 1 }))
  return (
    <section aria-label={column}>
      <h2>
        {column} <small>{data?.length}</small>
      </h2>
      {status === 'error' && <p role="alert">{error.message}</p>}
      {data?.map((task) => (
        <Task key={task.id} task={task} />
      ))}
    </section>
  )
}

function Task({ task }) {
  const at = COLUMNS.indexOf(task.column)
  return (
    <article>
      <p>{task.title}</p>
      <button onClick={() => moveTask(task.id, -1)} disabled={at === 0} aria-label={`Move ${task.title} back`}>
        ←
      </button>
      <button onClick={() => moveTask(task.id, 1)} disabled={at === COLUMNS.length - 1} aria-label={`Move ${task.title} on`}>
        →
      </button>
      <button onClick={() => moveTask(task.id, 0)} aria-label={`Remove ${task.title}`}>
        ×
      </button>
    </article>
  )
}
