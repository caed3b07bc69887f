// Only what the application's service worker needs: the package needs nothing.
export default {
  // Vite would otherwise find the service worker's import late, and reload the page for it.
  optimizeDeps: { entries: ['index.html', 'service-worker.js'] },
  build: {
    rollupOptions: {
      input: { index: 'index.html', 'service-worker': 'service-worker.js' },
      output: { entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js') },
    },
  },
}
