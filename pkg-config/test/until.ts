/** Waits until something holds, and says what did not. */
export async function until(condition: () => boolean, about: string): Promise<void> {
  const end = Date.now() + 3000
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not happen: ${about}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
