"""The pages' style sheet: light and dark, nothing fetched.

One idea has one colour on all pages. `part-…` are the parts of an operation, by the names of `gate.split.PARTS` and
`why.Part`; `party-…` who takes part in a run; `end-…` how operations end; `p50`, `p95`, `p99` percentiles.
"""

STYLE = """
:root { --paper: #f4f6f9; --card: #fff; --ink: #18202f; --muted: #5a6982; --rule: #e3e8ef; --panel: #f0f3f8;
  --good: #0f7753; --bad: #c4372d; --odd: #875900; --one: #2563c9; --two: #a9570a; --three: #8a3fd1; --four: #0d8390;
  --slip: #8a94a6; --start: #0d8390; --queueing: #e0912f; --execution: #6a9f2a; --lag: #a06be0; --timer: #5470dc;
  --event: #b8625a; --poll: #c2578f; --p95: #b5179e;
  --shadow: 0 1px 2px rgb(16 24 40 / 6%), 0 1px 6px rgb(16 24 40 / 5%); }
@media (prefers-color-scheme: dark) { :root { --paper: #0e131b; --card: #161d28; --ink: #e7ebf2; --muted: #96a3b8;
  --rule: #293344; --panel: #1d2633; --good: #49c593; --bad: #ff7d73; --odd: #e6b84a; --one: #6fa5ff; --two: #f2a154;
  --three: #c199ff; --four: #4fc7d4; --slip: #76839a; --start: #4fb9c6; --queueing: #e6a24c; --execution: #8fc24f;
  --lag: #b08cf0; --timer: #8098f2; --event: #dd938b; --poll: #e58bb8; --p95: #f07fdc; --shadow: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, sans-serif; color-scheme: light dark; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
a { color: var(--one); }
h1, .lead, .verdict, li { overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin: 0; letter-spacing: -.01em; } h2 { font-size: 1.05rem; margin: 0; }
.muted { color: var(--muted); } .lead { margin: .15rem 0 0; font-size: .9rem; }
section { background: var(--card); border-radius: .75rem; padding: 1.1rem 1.25rem 1.2rem; margin-top: 1.1rem;
  box-shadow: var(--shadow); border: 1px solid var(--rule); min-width: 0; }
section > :last-child { margin-bottom: 0; } section > .lead + * { margin-top: .8rem; } h2 + * { margin-top: .7rem; }
h2 + .lead { margin-top: .1rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: 0 1.1rem; }
.verdict { display: flex; flex-wrap: wrap; gap: .2rem .9rem; align-items: baseline; margin: 1.2rem 0 0;
  padding: .85rem 1.1rem; border-radius: .75rem; border: 1px solid var(--rule); border-left: .4rem solid var(--tone);
  background: color-mix(in srgb, var(--tone) 9%, var(--card)); --tone: var(--muted); }
.verdict b { text-transform: uppercase; letter-spacing: .05em; color: var(--tone); font-size: 1.1rem; }
.verdict.passed { --tone: var(--good); } .verdict.failed { --tone: var(--bad); }
.verdict.invalid, .verdict.interrupted { --tone: var(--odd); }
.pass { color: var(--good); } .fail { color: var(--bad); } .odd { color: var(--odd); }
.pass, .fail, .odd { font-weight: 600; }
.tiles { margin-top: 1.1rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(7.4rem, 1fr)); gap: .7rem; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: .75rem; padding: .65rem .85rem;
  box-shadow: var(--shadow); }
.tile span { display: block; color: var(--muted); font-size: .82rem; }
.tile strong { font-size: 1.35rem; white-space: nowrap; letter-spacing: -.01em;
  font-weight: 620; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { text-align: right; padding: .38rem .6rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; } tbody tr:hover { background: var(--panel); }
th:first-child, td:first-child { text-align: left; padding-left: 0; } th { color: var(--muted); font-weight: 500;
  font-size: .82rem; white-space: normal; vertical-align: bottom; }
td.words, th.words { min-width: 5rem; text-align: left; white-space: normal; overflow-wrap: anywhere; }
td .use { display: inline-block; width: 7rem; height: .5rem; margin-right: .5rem; border-radius: .25rem;
  background: linear-gradient(to right, var(--fill) var(--share), var(--rule) var(--share)); --fill: var(--good); }
td .share { display: inline-block; min-width: 2.8rem; }
td .use.over { --fill: var(--bad); }
figure { margin: 0; }
figcaption { color: var(--muted); font-size: .85rem; margin: 0 0 .35rem; }
.key { margin-right: 1.1rem; white-space: nowrap; color: var(--muted); }
.key::before { content: ""; display: inline-block; width: 1rem; height: .22rem; margin-right: .4rem;
  vertical-align: middle; background: var(--tone, currentColor); border-radius: 2px; }
.key.heat::before { height: .7rem; background: linear-gradient(to right, transparent, var(--one)); opacity: .6; }
.one { --tone: var(--one); } .two { --tone: var(--two); } .three { --tone: var(--three); }
.four { --tone: var(--four); }
.good { --tone: var(--good); } .bad { --tone: var(--bad); }
.p50 { --tone: var(--one); } .p95 { --tone: var(--p95); } .p99 { --tone: var(--ink); } .poll { --tone: var(--poll); }
.part-slip, .party-generator, .end-unreachable { --tone: var(--slip); }
.part-start, .party-network { --tone: var(--start); }
.part-queueing, .part-slot, .party-host { --tone: var(--queueing); }
.part-dispatch { --tone: color-mix(in srgb, var(--queueing) 50%, var(--card)); }
.part-thread { --tone: color-mix(in srgb, var(--queueing) 55%, var(--bad)); }
.part-loop { --tone: color-mix(in srgb, var(--queueing) 55%, var(--ink)); }
.part-execution, .part-code, .party-app { --tone: var(--execution); }
.part-orchestrator { --tone: color-mix(in srgb, var(--execution) 60%, var(--ink)); }
.part-replay { --tone: color-mix(in srgb, var(--execution) 45%, var(--card)); }
.part-activity_whole { --tone: color-mix(in srgb, var(--execution) 70%, var(--card)); }
.part-turn_whole { --tone: color-mix(in srgb, var(--execution) 50%, var(--start)); }
.part-timer, .party-scheduler { --tone: var(--timer); }
.part-retry { --tone: color-mix(in srgb, var(--timer) 50%, var(--card)); }
.part-event { --tone: var(--event); } .part-suspended { --tone: color-mix(in srgb, var(--event) 50%, var(--card)); }
.part-entity { --tone: color-mix(in srgb, var(--event) 60%, var(--ink)); }
.part-harness { --tone: color-mix(in srgb, var(--slip) 60%, var(--ink)); }
.part-connection { --tone: color-mix(in srgb, var(--slip) 55%, var(--card)); }
.part-connecting { --tone: color-mix(in srgb, var(--start) 50%, var(--card)); }
.part-way { --tone: color-mix(in srgb, var(--start) 60%, var(--ink)); }
.part-http { --tone: color-mix(in srgb, var(--queueing) 45%, var(--slip)); }
.part-http_code { --tone: color-mix(in srgb, var(--execution) 60%, var(--event)); }
.part-polling { --tone: color-mix(in srgb, var(--lag) 55%, var(--card)); }
.part-detection, .part-detection_lag { --tone: var(--lag); }
.part-requests { --tone: color-mix(in srgb, var(--start) 50%, var(--lag)); }
.part-unknown, .party-unknown { --tone: color-mix(in srgb, var(--muted) 40%, var(--card)); }
.end-failed { --tone: var(--bad); } .end-wrong_output { --tone: var(--p95); } .end-timed_out { --tone: var(--odd); }
.end-lost { --tone: var(--ink); } .end-refused { --tone: var(--lag); } .end-completed { --tone: var(--good); }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--muted); font-size: 11.5px; }
svg .tick.y, svg .left { text-anchor: end; } svg .x { text-anchor: middle; }
svg .grid { stroke: var(--rule); } svg .axis { stroke: var(--muted); opacity: .6; }
svg .series { fill: none; stroke: var(--tone); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .area { fill: var(--tone); opacity: .85; } svg .cell { fill: var(--one); } svg .shade { fill: var(--panel); }
svg .band { fill: var(--one); opacity: .14; }
svg .point { stroke: none; fill: var(--tone); } svg .tip { fill: transparent; }
svg .tip.pointed { fill: var(--ink); fill-opacity: .07; }
svg .bar { fill: var(--tone); opacity: .8; } svg .bar.pointed { opacity: 1; }
svg .point.pointed { stroke: var(--ink); stroke-width: 2; }
/* Broad and thin: where percentiles coincide, each is still seen. */
svg .series.p99 { stroke-width: 6; opacity: .4; } .key.p99::before { height: .45rem; opacity: .5; }
svg .dashed { stroke-dasharray: 8 4; } svg .dotted { stroke-dasharray: 2 4; stroke-width: 2.5; }
.key.dashed::before { background: repeating-linear-gradient(to right, var(--tone) 0 .4rem, transparent .4rem .6rem); }
.key.dotted::before { background: repeating-linear-gradient(to right, var(--tone) 0 .15rem, transparent .15rem .3rem); }
.readout { position: fixed; left: 0; top: 0; z-index: 9; max-width: 22rem; padding: .45rem .7rem; white-space: pre-line;
  pointer-events: none; background: var(--ink); color: var(--card); border-radius: .45rem; font-size: .82rem;
  line-height: 1.4; font-variant-numeric: tabular-nums; } .readout[hidden] { display: none; }
.narrow { display: none; }
svg .marker { stroke: var(--two); stroke-dasharray: 4 3; } svg .limit { stroke: var(--bad); stroke-dasharray: 7 4; }
svg .note { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
svg .estimate { stroke: var(--two); stroke-width: 2; } svg .estimate-text { fill: var(--two); }
svg .axis-text { fill: var(--muted); } .key.band::before { height: .7rem; background: var(--one); opacity: .3; }
svg .marker-text { fill: var(--two); } svg .limit-text { fill: var(--bad); }
.stack { display: flex; height: 2.1rem; border-radius: .45rem; overflow: hidden; gap: 2px; margin-bottom: .7rem; }
.stack span { background: var(--tone); min-width: 2px; } .stack .pointed { filter: brightness(1.15); }
.gates td:first-child { white-space: normal; overflow-wrap: anywhere; }
.bar-title { margin: .6rem 0 .25rem; }
.swatch { display: inline-block; width: .75rem; height: .75rem; border-radius: .2rem; background: var(--tone);
  margin-right: .5rem; vertical-align: -1px; }
details { margin-top: .7rem; } details > summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; margin: 0; font-size: .93rem; }
h2.clocks { font-size: .93rem; margin-top: 1rem; } h2.clocks + dl { margin-top: .3rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; } ul { margin: .2rem 0 0; padding-left: 1.1rem; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; } main { padding: 1rem .6rem 3rem; }
  section { padding: .8rem .7rem; } .tiles { grid-template-columns: repeat(auto-fit, minmax(6.2rem, 1fr)); gap: .5rem; }
  .tile { padding: .5rem .6rem; } .tile strong { font-size: 1.1rem; } td .use { width: 2.6rem; }
  td .share { min-width: 0; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; }
  .key { white-space: normal; }
  th, td { padding: .38rem .25rem; } td { font-size: .88rem; } details section { padding: .6rem .4rem; }
  th:first-child, td:first-child { min-width: 5.5rem; white-space: normal; overflow-wrap: anywhere; }
  .gates td:last-child, .gates th:last-child { display: none; } .cards td:first-child .muted { font-weight: 400; }
  .cards, .cards tbody { display: block; } .cards thead { display: none; }
  .cards tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); gap: .25rem .6rem;
    padding: .55rem 0; border-bottom: 1px solid var(--rule); } .cards tr:last-child { border-bottom: 0; }
  .cards td { text-align: left; border: 0; padding: 0; white-space: normal; } .cards td:empty { display: none; }
  .cards td::before { content: attr(data-head); display: block; color: var(--muted); font-size: .74rem; }
  .cards td[data-head=""]::before { content: none; } .cards td.words { grid-column: 1 / -1; min-width: 0; }
  .cards td:first-child { grid-column: 1 / -1; min-width: 0; font-weight: 600; }
  .cards td[data-head="count"] { grid-column: auto; } }
@media print { section, .tile, .verdict { break-inside: avoid; box-shadow: none; } }
"""
