// Light, dark, or as the system has it; the choice is kept.

const KEY = 'tidewell-playground-theme'
const ICONS = { light: '☀', dark: '☾' }

/** Wires the button that switches the theme. */
export const makeTheme = (button) => {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const current = () => document.documentElement.dataset.theme ?? (system.matches ? 'dark' : 'light')
  const show = () => {
    button.textContent = ICONS[current()]
    button.setAttribute('aria-label', current() === 'dark' ? 'Use light colours' : 'Use dark colours')
  }
  const saved = localStorage.getItem(KEY)
  if (saved === 'light' || saved === 'dark') document.documentElement.dataset.theme = saved
  button.addEventListener('click', () => {
    const next = current() === 'dark' ? 'light' : 'dark'
    document.documentElement.dataset.theme = next
    localStorage.setItem(KEY, next)
    show()
  })
  system.addEventListener('change', show)
  show()
}
