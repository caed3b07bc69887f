/** How the inspector looks, in a style sheet of its own: pages need not allow inline styles. */

/** Colours follow the page's `color-scheme`, or the element's `theme`. */
export const STYLE = `
:host{display:block;contain:content;color-scheme:inherit;--ground:light-dark(#fff,#101f27);--sunken:light-dark(#f4f8f9,#0b171d);--ink:light-dark(#0e2630,#e2eef1);--muted:light-dark(#4a646f,#9db5bf);--line:light-dark(#cfdcdf,#2a4552);--accent:light-dark(#0b6b7c,#56c7d8);--soft:light-dark(#ddf0f2,#123440);--danger:light-dark(#a52f19,#ff927a);background:var(--ground);color:var(--ink);font:13px/1.45 ui-sans-serif,system-ui,sans-serif;border:1px solid var(--line);border-radius:10px;min-height:300px;height:420px}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}
:host([docked]){position:fixed;z-index:2147483000;inset:auto 12px 12px auto;width:min(560px,calc(100vw - 24px));height:min(460px,calc(100vh - 24px));box-shadow:0 8px 40px rgb(0 0 0/30%)}
:host([docked][closed]){height:auto;min-height:0;width:auto}
:host([closed]) .body,:host([closed]) [role=tablist]{display:none}
*{box-sizing:border-box}
.root{display:grid;grid-template-rows:auto minmax(0,1fr);height:100%}
.root>header{display:flex;align-items:center;gap:2px;padding:4px 6px;border-bottom:1px solid var(--line)}
[role=tablist]{display:flex;flex:1;gap:2px;overflow-x:auto}
button{font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:7px;padding:3px 10px;cursor:pointer;white-space:nowrap}
button:hover:enabled{background:var(--soft)}
button.danger{color:var(--danger);justify-self:start}
[role=tab]{border-color:transparent;color:var(--muted)}
[role=tab][aria-selected=true]{background:var(--soft);color:var(--accent);font-weight:600}
:focus-visible{outline:2px solid var(--accent);outline-offset:-1px}
.body{min-height:0;padding:10px 12px;overflow:auto;scrollbar-gutter:stable;outline-offset:-3px}
.fill{display:grid;grid-template-rows:auto minmax(0,1fr);height:100%}
.bar{display:flex;align-items:center;gap:6px;margin-bottom:8px}
.spring{flex:1}
.note{color:var(--muted);font-size:12px;margin:0}
h3{font-size:13px;margin:16px 0 6px}
h3:first-child{margin-top:0}
ol{list-style:none;margin:0;padding:0}
.commits{overflow:auto;overflow-anchor:none}
.commits li{border-top:1px solid var(--line)}
summary{display:grid;grid-template-columns:minmax(5ch,auto) auto 1fr auto;gap:8px;align-items:center;padding:4px 2px;cursor:pointer;list-style:none}
.position{font-variant-numeric:tabular-nums;text-align:right}
.own,.foreign{font-size:11px;color:var(--muted);white-space:nowrap}
.foreign{color:var(--accent)}
.chips{display:flex;flex-wrap:wrap;gap:4px;min-width:0}
.chip{font-size:11px;padding:0 7px;border:1px solid var(--line);border-radius:9px;background:var(--sunken);white-space:nowrap}
.documents{border-color:var(--accent);color:var(--accent)}
.caches{border-color:var(--danger)}
.upkeep,.indexes,.postings{color:var(--muted)}
dl{display:grid;grid-template-columns:minmax(120px,auto) 1fr;gap:2px 12px;margin:0;padding:4px 8px 10px 44px;font-size:12px}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;font-size:12px;font-variant-numeric:tabular-nums;margin:8px 0}
th,td{padding:3px 6px;text-align:right;font-weight:400;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--muted)}
th:first-child{text-align:left}
td:has(code){text-align:left}
code{font:11px ui-monospace,monospace;overflow-wrap:anywhere}
meter,progress{width:80px;height:10px;vertical-align:middle}
svg{width:100%;height:auto;max-width:640px;display:block}
svg text{font-size:11px;fill:var(--ink)}
svg .tick{fill:var(--muted);text-anchor:middle;font-size:10px}
svg .grid{stroke:var(--line);stroke-dasharray:2 3}
svg circle{fill:var(--accent)}
svg .p90,svg .p99{stroke:var(--accent);stroke-width:9;stroke-linecap:round;opacity:.25}
svg .p90{opacity:.45}
.legend{display:flex;gap:14px}
.key::before{content:'';display:inline-block;width:9px;height:9px;margin-right:5px;border-radius:5px;background:var(--accent)}
.key.p90::before{opacity:.5}
.key.p99::before{opacity:.25}
fieldset{display:grid;gap:8px;border:1px solid var(--line);border-radius:8px;margin:0 0 10px;padding:8px 12px 12px}
legend{padding:0 6px;font-weight:600}
label{display:grid;grid-template-columns:auto auto 1fr;gap:8px;align-items:baseline}
input{accent-color:var(--accent);margin:0}
.met{max-height:130px;overflow:auto;font-size:12px}
`
