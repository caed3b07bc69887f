import { Cookbook } from './Cookbook.js'
import { allRecipes } from './recipes.js'

export default async function Page() {
  return (
    <main>
      <h1>Cookbook</h1>
      <Cookbook served={await allRecipes()} />
    </main>
  )
}
