// The browser's part in background sync, which it plays when it likes: here at once.

/** Tells the service worker of the page's origin that the network is there again, by the tag `tag`. */
export const dispatchSync = async (page, tag) => {
  const session = await page.context().newCDPSession(page)
  const registered = new Promise((found) =>
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [first] }) => first && found(first.registrationId)),
  )
  await session.send('ServiceWorker.enable')
  const [registrationId, origin] = [await registered, new URL(page.url()).origin]
  await session.send('ServiceWorker.dispatchSyncEvent', { origin, registrationId, tag, lastChance: false })
}
