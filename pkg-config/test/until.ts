/** Waits until something holds, and says what did not. */
export async function until(condition: () => boolean, about: string, ms = 3000): Promise<void> {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not happen: ${about}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
