// An application and its service worker: the package needs nothing here.
export default [
  { mode: 'production', entry: './main.js', output: { filename: 'main.js' } },
  { mode: 'production', entry: './service-worker.js', target: 'webworker', output: { filename: 'service-worker.js' } },
]
