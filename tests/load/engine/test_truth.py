"""What the page of the truth claims: who understates a stall of the server, and who does not."""

import sys
from pathlib import Path

import pytest

from patience import PATIENT

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import truth
from truth import COLUMNS, COMPLETION, START, Load, measure, read_command, read_k6

STALLED = Load(rate=20, run_time_s=24, after_s=6, stall_s=4, work_s=0.3)


def figure(rows, source, name, column):
    """Return one figure of the table in milliseconds."""
    [row] = [row for row in rows if (row.source, row.figure) == (source, name)]
    return row.figures_ms[COLUMNS.index(column)]


@pytest.mark.thorough
def test_plain_users_understate_a_stall_and_arrivals_do_not(monkeypatch):
    """Plain Locust reports less than half of the true p90 of completion; this project's load reports all of it."""
    for name, value in PATIENT.items():
        monkeypatch.setenv(name, value)
    rows = measure(STALLED, ["durable-harness", "plain Locust"])
    true_ms = figure(rows, "truth", COMPLETION, "p90")
    assert true_ms > 1_000
    assert figure(rows, "durable-harness", COMPLETION, "p90") > 0.9 * true_ms
    assert figure(rows, "plain Locust", COMPLETION, "p90") < 0.5 * true_ms
    counts = {row.source: row.operations for row in rows if row.figure == COMPLETION}
    assert counts["durable-harness"] >= 0.99 * counts["truth"]
    assert counts["plain Locust"] < counts["truth"]


def test_the_truth_follows_from_the_schedule_and_the_stall():
    """An operation that is due in the stall waits for its end; one whose work ends in the stall is seen after it."""
    load = Load(rate=1, run_time_s=10, after_s=4, stall_s=3, work_s=0.5)
    start, completion = truth.truth(load, (3.75, 6.75))
    assert start.operations == 10
    assert [start.figures_ms[COLUMNS.index(name)] for name in ("p50", "p90", "max")] == [0, 1750, 2750]
    assert completion.figures_ms[COLUMNS.index("max")] == pytest.approx(3250)


def test_work_that_ends_in_the_stall_is_seen_after_it():
    """A start that was answered before the stall is done after it if its work ends within."""
    load = Load(rate=1, run_time_s=2, after_s=1, stall_s=1, work_s=0.5)
    _, completion = truth.truth(load, (1.25, 2.25))
    assert completion.figures_ms[-1] == 1250


def test_a_tool_that_is_not_installed_is_named(monkeypatch, capsys):
    """Where k6 is missing the command says so and continues."""
    monkeypatch.setattr(truth.shutil, "which", lambda _: None)
    assert measure(STALLED, ["k6"]) == []
    assert "k6 is not installed: left out" in capsys.readouterr().out


def test_the_summary_of_k6_is_read():
    """The script's two trends become the rows of the table."""
    values = {"med": 1, "p(90)": 2, "p(95)": 3, "p(99)": 4, "max": 5, "count": 1200}
    rows = read_k6({"metrics": {START: {"values": values}, COMPLETION: {"values": {**values, "med": 300}}}})
    assert [row.figures_ms for row in rows] == [(1, 2, 3, 4, 5), (300, 2, 3, 4, 5)]
    assert {row.operations for row in rows} == {1200}


def test_a_stall_that_outlasts_the_run_is_refused(capsys):
    """The command names the options that do not fit together."""
    with pytest.raises(SystemExit):
        read_command(["--run-time", "10", "--after", "8", "--stall", "5"])
    assert "make --run-time longer than --after and --stall together" in capsys.readouterr().err
