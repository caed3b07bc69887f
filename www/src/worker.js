// Registers the service worker, which lets every page work without a network.

/** Registers it where there may be one. */
export const registerWorker = () => {
  if (!('serviceWorker' in navigator)) return
  navigator.serviceWorker.register('service-worker.js').catch((error) => console.warn('offline use is off:', error))
}
