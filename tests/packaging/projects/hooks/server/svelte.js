// Svelte on a server: what it writes besides are marks of where a component begins and ends.
import { render } from 'svelte/server'
import { told } from './database.js'
import Page from './Page.svelte'

await told({ plain: render(Page).body.replace(/<!--.*?-->/g, '') })
