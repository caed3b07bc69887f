'use client'
// A page that the server renders first: there the package is imported, and nothing of it is used.
import { useEffect, useState } from 'react'
import * as tidewell from 'tidewell'
import { scenario } from '../../scenario.js'

export default function Page() {
  const [state, setState] = useState('rendered by the server')
  useEffect(() => {
    const run = async () => {
      const page = await scenario(tidewell, { name: 'page' })
      return { page, "the package's worker": await scenario(tidewell, { name: 'worker', worker: true }) }
    }
    run().then(
      (seen) => {
        window.seen = seen
        setState('done')
      },
      (error) => (window.failed = String(error.stack ?? error)),
    )
  }, [])
  return <p>{state}</p>
}
