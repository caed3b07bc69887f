// On the server: the recipes, in a database in memory.
import { open } from 'tidewell'

const RECIPES = [
  ['Fish soup', 'sea', 'Cod, leeks, potatoes, saffron. Simmer gently for twenty minutes.'],
  ['Samphire and butter', 'sea', 'Blanch the samphire for a minute, then butter and lemon.'],
  ['Rye bread', 'baking', 'Rye flour, water, salt, a sourdough that is awake. Bake for an hour.'],
  ['Potato pancakes', 'pan', 'Grated potatoes, an egg, a little flour. Fry until crisp.'],
  ['Apple crumble', 'baking', 'Apples, butter, oats, sugar, cinnamon. Serve warm.'],
]

async function fill() {
  const db = await open('recipes')
  const recipes = db.collection('recipes', { indexes: ['kind'] })
  await recipes.putMany(RECIPES.map(([title, kind, text], n) => ({ id: `r${n + 1}`, title, kind, text })))
  return recipes
}

// Kept over hot reloads of the development server.
const filled = (globalThis.recipes ??= fill())

export const allRecipes = async () => (await filled).find().sort({ title: 1 }).toArray()
