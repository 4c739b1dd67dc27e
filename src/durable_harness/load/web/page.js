const INTERVAL_MS = 2000, PATIENCE_MS = 10000;
const PERCENTILES = ["p50", "p90", "p95", "p99"];
const by = id => document.getElementById(id);
const make = (tag, text, style) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (style) made.className = style;
  return made;
};
const count = value => value.toLocaleString("en-US");
const number = value => value === null || value === undefined ? "-"
  : Math.abs(value) >= 100 || Number.isInteger(value) ? count(Math.round(value)) : value.toPrecision(3);
const ms = value => value === null || value === undefined ? "-" : `${number(value)} ms`;

const seen = new Map();
/** Show a part of the state if it is not what is shown already: whoever reads or selects it is not disturbed. */
function update(name, value, show) {
  const text = JSON.stringify(value);
  if (seen.get(name) === text) return;
  seen.set(name, text);
  show(value);
}

/** Fill a table as `parts.py` makes one: where the window is narrow, each row of a wide one is a card. */
function fill(table, heads, rows, style = heads.length > 3 ? "cards" : "") {
  const isWide = style === "cards";
  table.className = style;
  const row = (cells, tag) => {
    const line = make("tr");
    line.append(...cells.map(cell => cell instanceof Node ? cell : make(tag, cell)));
    for (const [column, cell] of [...line.children].entries()) {
      if (tag === "th") cell.scope = "col";
      else if (isWide) cell.dataset.head = heads[column];
    }
    return line;
  };
  const head = make("thead"), body = make("tbody");
  head.append(row(heads, "th"));
  body.append(...rows.map(cells => row(cells, "td")));
  for (const [column, cell] of [...(body.rows[0]?.cells ?? [])].entries())
    if (cell.classList.contains("words")) head.rows[0].cells[column]?.classList.add("words");
  table.replaceChildren(head, body);
}

function showPhase({phase, verdict, started}) {
  by("phase").textContent = phase === "idle" && verdict ? "ended" : phase;
  by("phase").className = `badge ${phase.split(" ")[0]}`;
  by("before").hidden = phase !== "idle" || started > 0;
  by("figures").hidden = !started;
}

function showFacts({target, elapsed_s, run_time_s, processes, excluded}) {
  const elapsed = `${Math.round(elapsed_s)}${run_time_s ? ` of ${run_time_s}` : ""} s`;
  const apart = Object.entries(excluded).map(([phase, some]) => `${count(some)} of the ${phase}, not measured`);
  by("facts").textContent = [target, elapsed, processes === "1" ? "" : processes, ...apart].filter(Boolean).join(" · ");
  const percent = run_time_s ? Math.min(100, 100 * elapsed_s / run_time_s) : 0;
  by("bar").hidden = !run_time_s;
  by("bar").setAttribute("aria-valuenow", percent.toFixed(0));
  by("bar").firstChild.style.width = `${percent}%`;
}

function showVerdict({verdict, has_report}) {
  const [word, ...reason] = (verdict || "").split(": ");
  by("gates-lead").textContent = verdict ? "As they stood at the end; those on the audit are in the report."
    : "As they stand now; the verdict comes with the end of the run.";
  by("verdict").hidden = !verdict;
  by("verdict").className = `verdict ${word.split(" ")[0]}`;
  by("verdict").replaceChildren(make("b", word), ` ${reason.join(": ")}`);
  by("report").hidden = !has_report;
}

function showReasons({reasons, more_reasons}) {
  by("reasons-section").hidden = !reasons.length;
  fill(by("reasons"), ["count", "ended as", "reason"], reasons.map(one => {
    const reason = make("td", one.reason, "words");
    if (one.example) reason.append(make("br"), make("span", `such as ${one.example}`, "muted"));
    return [count(one.count), make("td", one.state, "words"), reason];
  }), "cards");
  by("more-reasons").textContent = more_reasons ? `and ${number(more_reasons)} more reasons, in the report` : "";
}

function showTiles(state) {
  // Where nothing has completed the times are those of operations that failed or timed out.
  const completion = state.ended.completed && state.latencies.find(row => row.label === "completion") || {};
  const others = Object.entries(state.ended).filter(([label, some]) => some && label !== "completed");
  const tiles = [["in flight", number(state.in_flight)], ["started", number(state.started)],
    ["completed", number(state.ended.completed)], ["completed / s", number(state.throughput_per_s)],
    ["completion p50", ms(completion.p50)], ["completion p95", ms(completion.p95)],
    ["completion p99", ms(completion.p99)], ["polls per operation", number(state.polls_per_operation)],
    ...others.map(([label, some]) => [label, number(some), label === "terminated on purpose" ? "" : "fail"])];
  by("tiles").replaceChildren(...tiles.map(([label, value, style]) => {
    const tile = make("div", undefined, "tile");
    tile.append(make("span", label), make("strong", value, style));
    return tile;
  }));
}

function meter({share, passed}) {
  const cell = make("td");
  if (share === null) return cell;
  const use = make("span", undefined, passed === false ? "use over" : "use");
  use.style.setProperty("--share", `${Math.round(100 * Math.min(share, 1))}%`);
  cell.append(use, make("span", `${Math.round(100 * share)}%`, "share"));
  return cell;
}

function showGates(gates) {
  const name = gate => {
    const cell = make("td", gate.name);
    if (gate.note) cell.append(make("br"), make("span", gate.note, "muted"));
    return cell;
  };
  const word = ({passed}) => passed === null ? make("td", "not measured", "odd")
    : make("td", passed ? "holds" : "FAILS", passed ? "pass" : "fail");
  const rows = gates.map(gate => [name(gate), word(gate), gate.limit, gate.measured, meter(gate)]);
  fill(by("gates"), rows.length ? ["gate", "now", "limit", "measured", "of the limit"] : [],
    rows.length ? rows : [["Nothing to judge yet, or no gates."]], rows.length ? "gates" : "");
}

function showScenarios(scenarios) {
  by("scenarios-section").hidden = !scenarios.length;
  if (scenarios.length) fill(by("scenarios"), scenarios[0], scenarios.slice(1));
}

function showLatencies({latencies, unknown, clocks}) {
  fill(by("latencies"), ["", "count", ...PERCENTILES, "max"], latencies.map(row =>
    [row.label, count(row.count), ...[...PERCENTILES, "max"].map(name => number(row[name]))]));
  const clock = clocks.length ? [`Clocks: ${clocks.join("; ")}`] : [];
  by("unknown").replaceChildren(...[...unknown, ...clock].map(words => make("p", words, "muted lead")));
}

function showCosts({actions, costs}) {
  by("costs-section").hidden = !actions;
  by("actions").textContent = actions;
  fill(by("costs"), costs.length ? ["", "count", "mean", "p50", "p95", "max"] : [], costs.map(row =>
    [row.label, count(row.count), ...["mean", "p50", "p95", "max"].map(name => number(row[name]))]));
}

function showSplit(split) {
  by("split").replaceChildren(...split.map(({name, label, mean_ms, share}) => {
    const part = make("span", undefined, `part-${name}`);
    part.style.flex = mean_ms;
    part.dataset.tip = `${label} ${ms(mean_ms)} (${(100 * share).toFixed(0)} %)`;
    return part;
  }));
  fill(by("split-parts"), ["mean of each part", "", "share"], split.map(({name, label, mean_ms, share}) => {
    const part = make("td");
    part.append(make("i", undefined, `swatch part-${name}`), label);
    return [part, ms(mean_ms), `${(100 * share).toFixed(1)} %`];
  }));
}

function show(state) {
  const {phase, verdict, started, target, elapsed_s, run_time_s, processes, excluded, has_report} = state;
  update("phase", {phase, verdict, started}, showPhase);
  update("facts", {target, elapsed_s, run_time_s, processes, excluded}, showFacts);
  update("verdict", {verdict, has_report}, showVerdict);
  update("reasons", {reasons: state.reasons, more_reasons: state.more_reasons}, showReasons);
  showTiles(state);
  update("gates", state.gates, showGates);
  update("scenarios", state.scenarios, showScenarios);
  update("latencies", {latencies: state.latencies, unknown: state.unknown, clocks: state.clocks}, showLatencies);
  update("costs", {actions: state.actions, costs: state.costs}, showCosts);
  update("split", state.split, showSplit);
  by("parts-pair").hidden = !state.split.length;
  by("errors-section").hidden = !state.plots.errors;
  for (const [name, drawing] of Object.entries(state.plots))
    update(`plot ${name}`, drawing, () => plots.show(by(name), drawing));
}

let asOf = null, reportFile = "";
function showContact(problem) {
  by("gone").hidden = !problem;
  if (!problem) return;
  by("phase").textContent = "no contact";
  by("phase").className = "badge lost";
  by("report").hidden = true;
  seen.delete("phase");
  seen.delete("verdict");
  const file = reportFile ? ` The report of a run that has ended is in ${reportFile}.` : "";
  const shown = asOf ? ` What is shown is as of ${asOf.toLocaleTimeString()}.` : "";
  const words = ` ${problem} It is asked again every ${INTERVAL_MS / 1000} s.${shown}${file}`;
  update("gone", words, () => by("gone").replaceChildren(make("b", "no contact"), words));
}

/** Return the state of the run; what is wrong is thrown as a sentence. */
async function ask() {
  let answer;
  try {
    answer = await fetch("durable/state", {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  } catch (error) {
    throw error.name === "TimeoutError" ? `Locust has not answered for ${PATIENCE_MS / 1000} s.`
      : "Locust does not answer: it has ended, or cannot be reached.";
  }
  if (answer.redirected) throw "Locust asks for a login: load this page again.";
  if (!answer.ok) throw `Locust answers with HTTP ${answer.status}.`;
  return await answer.json().catch(() => { throw "Locust's answer was cut off."; });
}

let isAsking = false, timer;
async function refresh() {
  clearTimeout(timer);
  if (isAsking) return;
  isAsking = true;
  try {
    const state = await ask();
    asOf = new Date();
    reportFile = state.report_file;
    showContact("");
    show(state);
  } catch (problem) {
    if (problem instanceof Error) console.error(problem);
    showContact(typeof problem === "string" ? problem : "What Locust answers cannot be shown.");
  }
  isAsking = false;
  // A page that is not looked at costs the process that makes the load nothing.
  if (!document.hidden) timer = setTimeout(refresh, INTERVAL_MS);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
