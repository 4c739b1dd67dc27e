"""Where the slow ones spent it, as each form of a report shows it."""

import json
import re
from dataclasses import replace

from durable_harness.gate.paths import PathPart, PathsAt
from durable_harness.gate.report import render_html, render_json, render_markdown, render_text
from test_gate_report import report

P50 = PathsAt(50, 100.0, 9, (PathPart("code", "code of activities", 90.0), PathPart("slot", "wait for a slot", 10.0)))
P99 = PathsAt(
    99,
    400.0,
    9,
    (PathPart("slot", "wait for a slot", 300.0), PathPart("code", "code of activities", 100.0)),
    ("75% waits for a slot: <2> activities at once.",),
)


def with_paths(*paths):
    """Return a report of one scenario with these paths."""
    made = report()
    scenario = replace(made.summary, paths=paths)
    return replace(made, summary=replace(made.summary, scenarios={"Steady": scenario}))


def test_text_has_percentiles_side_by_side():
    """Each part is a row, the largest of the slowest first, with milliseconds and share of each percentile."""
    lines = render_text(with_paths(P50, P99)).splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("Where the slow ones spent it (Steady)"))
    assert lines[head + 1].split() == ["wait", "for", "a", "slot", "10.0", "ms", "10%", "300", "ms", "75%"]
    assert lines[head + 2].split() == ["code", "of", "activities", "90.0", "ms", "90%", "100", "ms", "25%"]
    assert lines[head + 3] == "  -> p99: 75% waits for a slot: <2> activities at once."


def test_json_has_all_figures():
    """Programs get the means by the names of the parts."""
    paths = json.loads(render_json(with_paths(P50, P99)))["scenarios"]["Steady"]["paths"]
    assert paths[1]["mean_ms"] == {"slot": 300.0, "code": 100.0}
    assert (paths[1]["percentile"], paths[1]["completion_ms"], paths[1]["operations"]) == (99, 400.0, 9)


def test_the_page_has_a_bar_for_each_percentile():
    """The bars' pieces have their words, and what others wrote is shown as text."""
    page = render_html(with_paths(P50, P99))
    assert page.count('data-tip="wait for a slot') == 2
    assert "&lt;2&gt; activities" in page


def test_what_is_not_known_is_reported():
    """Without a path there is the reason, and no figure."""
    shown = with_paths(PathsAt(50, 100.0, 1, unknown="nothing was noted"))
    assert "Where the slow ones spent it (Steady): nothing was noted" in render_text(shown)
    assert "nothing was noted" in render_html(shown)


def test_a_run_without_paths_has_no_section_of_them():
    """If no host was asked, there is no section."""
    assert "slow ones" not in render_text(with_paths())
    assert "slow ones" not in render_html(with_paths())


def test_bars_have_the_colours_that_rows_name():
    """A part with next to no time has no row, and so no sliver in a bar."""
    tiny = PathPart("timer", "timers", 0.2)
    page = render_html(with_paths(replace(P50, parts=(*P50.parts, tiny)), P99))
    section = page.split("Where the slow ones spent it")[1].split("</section>")[0]
    assert set(re.findall(r'<span class="part-(\w+)" style', section)) == {"code", "slot"}


def test_every_form_names_the_percentile_and_the_count():
    """The figure is the mean of some operations near the percentile, not the percentile itself."""
    shown = with_paths(replace(P99, operations=1))
    assert re.search(r"near p99, 400 ms +of 1", render_text(shown))
    assert "near p99 (400 ms, 1 operation)" in render_markdown(shown)
    assert "Steady, near p99: 400 ms, 1 operation<" in render_html(shown)
