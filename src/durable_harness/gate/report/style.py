"""The HTML report's style sheet: one column, light and dark, nothing fetched."""

STYLE = """
:root { --paper: #fff; --ink: #1d2433; --muted: #667085; --rule: #e4e7ec; --panel: #f7f8fa;
  --good: #0f7b4f; --bad: #c0322b; --odd: #9a6700; --one: #2f6fde; --two: #d9822b; --three: #8b5cf6; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161f; --ink: #e6e9ef; --muted: #98a2b3; --rule: #2b3342;
  --panel: #1a202c; --good: #4cc38a; --bad: #ff7b72; --odd: #e3b341; --one: #6ea8fe; --two: #f0a35e;
  --three: #b79cff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, sans-serif; color-scheme: light dark; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.25rem 0 .6rem; }
.muted { color: var(--muted); } .lead { margin: .25rem 0 0; }
.verdict { display: flex; gap: .75rem; align-items: baseline; margin: 1.25rem 0; padding: .8rem 1rem;
  border-radius: .5rem; background: var(--panel); border-left: .3rem solid var(--muted); }
.verdict b { text-transform: uppercase; letter-spacing: .04em; }
.verdict.passed { border-color: var(--good); } .verdict.passed b, .pass { color: var(--good); }
.verdict.failed { border-color: var(--bad); } .verdict.failed b, .fail { color: var(--bad); }
.verdict.invalid { border-color: var(--odd); } .verdict.invalid b { color: var(--odd); }
.pass, .fail { font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; }
.tile { background: var(--panel); border-radius: .5rem; padding: .7rem .9rem; }
.tile span { display: block; color: var(--muted); font-size: .82rem; }
.tile strong { font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .4rem .6rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--muted); font-weight: 500; font-size: .85rem; }
td.words, th.words { text-align: left; white-space: normal; }
td .use { display: inline-block; width: 6rem; height: .5rem; margin-right: .4rem; border-radius: .25rem;
  background: linear-gradient(to right, var(--fill) var(--share), var(--rule) var(--share)); --fill: var(--good); }
td .use.over { --fill: var(--bad); }
figure { margin: 0; } figcaption { color: var(--muted); font-size: .85rem; margin: .2rem 0 .4rem; }
.key { margin-right: 1rem; white-space: nowrap; } .key::before { content: ""; display: inline-block; width: .9rem;
  height: .2rem; margin-right: .35rem; vertical-align: middle; background: currentColor; border-radius: 2px; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--muted); font-size: 11px; }
svg .tick.y, svg .left { text-anchor: end; } svg .x { text-anchor: middle; } svg .grid { stroke: var(--rule); }
svg .axis { stroke: var(--muted); } svg .series { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .one { stroke: var(--one); } svg .two { stroke: var(--two); }
svg .three { stroke: var(--three); stroke-width: 1.5; stroke-dasharray: 5 3; }
.key.one { color: var(--one); } .key.two { color: var(--two); } .key.three { color: var(--three); }
svg .point { stroke: none; fill: transparent; } svg .point:hover { fill: var(--ink); }
svg .bar { fill: var(--one); opacity: .75; } svg .bar:hover { opacity: 1; }
svg .marker { stroke: var(--two); stroke-dasharray: 4 3; } svg .limit { stroke: var(--bad); }
svg .note { font-size: 11px; } svg .marker-text { fill: var(--two); } svg .limit-text { fill: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
"""
