// A server component that uses the package.
import * as tidewell from 'tidewell'
import { scenario } from '../scenario.js'

export const dynamic = 'force-dynamic'

export default async function Page() {
  return <pre>{JSON.stringify(await scenario(tidewell))}</pre>
}
