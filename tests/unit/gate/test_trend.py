"""Figures over many runs: which runs are read, which changes are marked, and what is shown."""

import json
import random
import re

import pytest

from durable_harness.cli import main
from durable_harness.errors import UsageError
from durable_harness.gate.trend.report import TrendReport, render_html, render_text, trends_of
from durable_harness.gate.trend.run_history import read_runs
from durable_harness.gate.trend.trend_changes import find_changes


def summary(day, p95, **changes):
    latency = {"p50": p95 / 2, "p95": p95, "p99": p95 * 1.2}
    gate = {"name": "completion_ms p95", "limit": 900.0, "bound": "at most", "unit": "ms", "measured": p95}
    return {
        "format": 3,
        "verdict": "passed",
        "started_at": f"2026-11-{day:02d}T09:00:00+00:00",
        "scenarios": {"Steady": {"latencies": {"completion_ms": latency}, "throughput_per_s": 1.0, "error_ratio": 0.0}},
        "latencies": {"completion_ms": latency, "start_ms": None},
        "throughput_per_s": 10.0,
        "error_ratio": 0.0,
        "gates": [gate],
        **changes,
    }


@pytest.fixture
def write(tmp_path):
    """Return write(*documents): a folder with a report folder for each."""

    def write(*documents):
        for number, document in enumerate(documents):
            folder = tmp_path / "runs" / f"run-{number}"
            folder.mkdir(parents=True)
            text = document if isinstance(document, str) else json.dumps(document)
            (folder / "summary.json").write_text(text)
        return tmp_path / "runs"

    return write


def series(seed, *parts, spread=0.03):
    """Return values around the level of each part `(level, length)`."""
    chance = random.Random(seed)
    return [level * chance.gauss(1, spread) for level, length in parts for _ in range(length)]


def test_noise_is_no_change():
    """Of 300 series without a change about one in a hundred is cut, as the false alarm rate says."""
    alarms = sum(bool(find_changes(series(seed, (500, 20), spread=0.2))) for seed in range(300))
    assert alarms <= 9


@pytest.mark.parametrize("level", [400, 600])
def test_a_step_is_found_where_it_is(level):
    """A change in either direction has its place, and the medians before and after it."""
    (change,) = find_changes(series(1, (500, 12), (level, 9)))
    assert change.index == 12
    assert change.before == pytest.approx(500, rel=0.03)
    assert change.ratio == pytest.approx(level / 500, rel=0.05)


def test_several_steps_are_found():
    """A figure that rose and fell again has two changes, and so has one that rose twice."""
    for level in (500, 900):
        found = [change.index for change in find_changes(series(2, (500, 12), (700, 12), (level, 12)))]
        assert found == [12, 24]


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        [1.0, 1.0, 1.0, 9.0],
        series(3, (500, 12), (510, 12), spread=0.001),
        [500.0] * 30,
        [0.0] * 30,
        series(4, (500, 20), (900, 1)),
    ],
)
def test_what_is_no_change(values):
    """Too few runs, too small a change, equal values, and a single run that stands out mark nothing."""
    assert find_changes(values) == []


def test_a_figure_that_was_zero_can_change():
    """Errors that came up have no ratio, and are a change anyway."""
    (change,) = find_changes([0.0] * 10 + [0.02] * 10)
    assert (change.before, change.after, change.ratio) == (0.0, 0.02, None)


def test_runs_are_in_order_of_time(write):
    """Whatever their folders are called, the oldest run comes first."""
    found = read_runs(write(summary(3, 300.0), summary(1, 100.0), summary(2, 200.0))).found
    assert [run.figures["completion_ms p95"] for run in found] == [100.0, 200.0, 300.0]


def test_older_summaries_are_read(write):
    """Summaries of before figures by scenario have the figures of the whole."""
    (run,) = read_runs(write(summary(1, 100.0, format=2, scenarios=["Steady"]))).found
    assert run.scenarios == ("Steady",)
    assert run.figures["completion_ms p95"] == 100.0
    assert "Steady completion_ms p95" not in run.figures


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "no summary of format 2 or 3"),
        ('{"format": 9}', "no summary of format 2 or 3"),
        ('{"format": 3}', "lacks what a summary has"),
        (summary(1, 100.0, started_at=None), "nothing was started"),
        (summary(1, 100.0, started_at="soon"), "Invalid isoformat"),
        (summary(1, 100.0, gates=[{"name": "x"}]), "lacks what a summary has"),
        (summary(1, 100.0, latencies=[]), "lacks what a summary has"),
    ],
)
def test_files_that_are_no_runs_are_named(write, document, reason):
    """One that cannot be read is named with its reason, and the others are shown."""
    runs = read_runs(write(summary(2, 200.0), document))
    assert len(runs.found) == 1
    (problem,) = runs.problems
    assert "run-1" in problem
    assert reason in problem
    assert f"not read: {problem}" in render_text(TrendReport.of(runs))


def test_a_folder_without_runs_is_an_error(tmp_path):
    """It says what is missing, and so does a path that is no folder."""
    with pytest.raises(UsageError, match=r"No summary\.json lies in it"):
        read_runs(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        read_runs(tmp_path / "absent")


def stepped():
    """Return summaries of runs that became slower on the 13th day."""
    return [summary(day, level) for day, level in enumerate(series(5, (500, 12), (650, 12)), 1)]


def test_changes_are_named_with_their_first_run(write):
    """The text says by how much, from which run on, and where its report is."""
    text = render_text(TrendReport.of(read_runs(write(*stepped()))))
    assert re.search(r"completion_ms p95: 4\d\d|5\d\d ms before, 6\d\d ms from run 13 \(2026-11-13", text)
    assert "run-12)" in text


@pytest.mark.parametrize(("count", "word"), [(1, "cannot tell"), (7, "cannot tell"), (8, "no change")])
def test_too_few_runs_are_inconclusive(write, count, word):
    """Fewer runs than a change takes are no proof that nothing changed."""
    report = TrendReport.of(read_runs(write(*[summary(day, 500.0) for day in range(1, count + 1)])))
    assert f"  {word}" in render_text(report)
    page = render_html(report)
    assert f"<b>{word}</b>" in page
    assert f"<b>{word}</b> {word}" not in page
    assert f": {word}" not in page
    assert ("1 runs" in render_text(report)) is False


NEWEST = {"start": "POST /api/orders", "rate": "6", "processes": "1"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": "invalid"}, "5 do not count: 5 invalid or interrupted"),
        ({"verdict": "interrupted"}, "5 do not count: 5 invalid or interrupted"),
        ({"scenarios": {}}, "5 do not count: 5 of another load than the newest (scenarios)"),
        ({"settings": {**NEWEST, "start": "POST /api/claims"}}, "5 of another load than the newest (start)"),
        ({"settings": {**NEWEST, "rate": "3"}}, "5 of another load than the newest (rate)"),
    ],
)
def test_runs_that_measured_something_else_do_not_count(write, changes, why):
    """Invalid and interrupted runs, and those of another app or load, are shown and change nothing."""
    documents = [summary(day, 500.0, settings=NEWEST) for day in range(1, 16)]
    documents[5:10] = [{**document, **changes} for document in [summary(day, 5000.0) for day in range(6, 11)]]
    runs = read_runs(write(*documents))
    trend = next(trend for trend in trends_of(runs.found) if trend.name == "completion_ms p95")
    assert (len(trend.points), len(trend.uncounted), trend.changes) == (10, 5, ())
    assert why in render_text(TrendReport.of(runs))


@pytest.mark.parametrize(
    "changes", [{"settings": {}}, {"settings": {**NEWEST, "processes": "4"}}, {"verdict": "no gates"}]
)
def test_runs_of_the_same_load_count(write, changes):
    """Older runs lack settings, processes make no load of their own, and a run without gates is measured too."""
    runs = read_runs(
        write(*[summary(day, 500.0, **changes) for day in range(1, 8)], summary(9, 500.0, settings=NEWEST))
    )
    trend = next(trend for trend in trends_of(runs.found) if trend.name == "completion_ms p95")
    assert (len(trend.points), len(trend.uncounted)) == (8, 0)


def test_the_verdict_counts_the_runs_that_count(write):
    """Of six runs three are of another app: with three left no verdict is possible, and that is reported once."""
    others = [summary(day, 500.0, settings={**NEWEST, "app": "claims"}) for day in range(1, 4)]
    own = [summary(day, 500.0, settings={**NEWEST, "app": "orders"}) for day in range(4, 7)]
    page = render_html(TrendReport.of(read_runs(write(*others, *own))))
    assert "<b>cannot tell</b> 3 of 6 runs count, a change shows in 8 or more<" in page


def test_the_axis_of_runs_has_the_numbers_of_runs(write):
    """There is no run 0, and none after the last."""
    page = render_html(TrendReport.of(read_runs(write(*[summary(day, 500.0) for day in range(1, 7)]))))
    first = re.search(r"<svg.*?</svg>", page, re.DOTALL)[0]
    assert re.findall(r'class="tick x"[^>]*>(\d+)<', first) == ["1", "2", "3", "4", "5", "6"]


def test_counts_have_whole_numbers_at_their_axis(write):
    """There are no 0.2 operations that were lost."""
    gate = {"name": "operations lost", "limit": 0.0, "bound": "at most", "unit": "", "measured": 0.0}
    page = render_html(TrendReport.of(read_runs(write(*[summary(day, 500.0, gates=[gate]) for day in (1, 2)]))))
    plot = next(svg for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if "operations lost" in svg)
    assert re.findall(r'class="tick y"[^>]*>([\d.]+)<', plot) == ["0", "1"]


def test_too_many_folders_are_a_wrong_use_of_this_command(capsys):
    """The error names what is too much, and the help of this command."""
    assert main(["trend", "one", "two"]) == 2
    assert "unrecognized arguments: two\n  See: durable-harness trend --help" in capsys.readouterr().err


def test_the_page_marks_changes_and_limits(write):
    """A plot has its limit, and a line where the figure changed; what others named is text."""
    documents = [{**one, "verdict": "<b>passed</b>"} if number == 3 else one for number, one in enumerate(stepped())]
    page = render_html(TrendReport.of(read_runs(write(*documents))))
    first = page.split("<svg")[1]
    assert 'class="marker"' in first
    assert "series bad dashed" in first
    assert "&lt;b&gt;passed" in page
    assert "<b>passed" not in page


def test_a_limit_far_above_is_written_beside_the_plot(write):
    """It would flatten the figures."""
    gate = {"name": "completion_ms p95", "limit": 90_000.0, "bound": "at most", "unit": "ms", "measured": 500.0}
    page = render_html(TrendReport.of(read_runs(write(*[summary(day, 500.0, gates=[gate]) for day in (1, 2)]))))
    assert "limit 90,000 ms, beyond the plot" in page
    assert "series bad dashed" not in page


def test_the_command_writes_page_and_data(write, capsys):
    """It ends with 0, and says where the page is."""
    folder = write(*stepped())
    assert main(["trend", str(folder)]) == 0
    assert str(folder / "trend.html") in capsys.readouterr().out
    document = json.loads((folder / "trend.json").read_text())
    changed = {figure["name"]: figure["changes"] for figure in document["figures"] if figure["changes"]}
    assert [change["run"] for change in changed["completion_ms p95"]] == [13]
    assert len(document["runs"]) == 24
