"""A headless run against a well-behaved server: what it measures, shows and writes."""

import re

import pytest
from locust_process import headless
from stub_server import KEY, START, WEBHOOK

from durable_harness.gate.records import read_operations

pytestmark = pytest.mark.thorough

FUNCTION_KEY = "app-secret"


def test_every_operation_of_a_run_is_accounted_for(good_run):
    """A run against a good server passes, and its counts are the server's own."""
    run, stub = good_run
    assert run.code == 0, run.err
    assert run.operations == {"started": stub.accepted, "accepted": stub.accepted, "completed": stub.accepted}
    polls = sum(operation.polls for operation in stub.operations.values())
    assert run.summary["polls"] == run.summary["latencies"]["poll_ms"]["count"] == polls
    assert stub.accepted > 4


def test_every_operation_leaves_a_record(good_run):
    """Each operation that the server accepted has one row under the report folder, with its scenario and moments."""
    run, stub = good_run
    recorded = read_operations(run.report_dir)
    rows = recorded.operations.to_pylist()
    assert sorted(row["instance_id"] for row in rows) == sorted(stub.operations)
    assert {(row["scenario"], row["state"], row["phase"], row["worker"]) for row in rows} == {
        ("Few", "completed", "measured", "local")
    }
    assert sum(row["polls"] for row in rows) == run.summary["polls"]
    assert all(row["sent_s"] < row["accepted_s"] < row["first_running_s"] <= row["seen_s"] for row in rows)
    assert (recorded.metadata["target"], recorded.metadata["scenarios"]) == (stub.url, ["Few"])


def test_a_folder_that_cannot_hold_records_is_refused(start_locust, stub, tmp_path):
    """A report folder in which the records have no place ends the run before any load, with the path in the message."""
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "operations").write_text("a file where the folder should be")
    run = start_locust(*headless(stub), "-t", "30s", "Few").wait()
    assert (run.code, stub.accepted) == (2, 0)
    assert f"--report-dir: {tmp_path / 'report' / 'operations'} cannot be made" in run.err


def test_the_warm_up_is_recorded_and_not_measured(locust, stub):
    """Operations intended within --warm-up have records, but the figures and gates do not see them."""
    run = locust("--warm-up", "600")
    assert run.code == 3
    assert "no operation was measured: all fell into the warm-up" in run.out
    rows = read_operations(run.report_dir).operations.to_pylist()
    assert [row["phase"] for row in rows] == ["warm-up"] * stub.accepted


def test_latencies_are_those_of_the_server(locust, stub):
    """Completion spans the server's work, and the detection lag is what polling adds to it."""
    stub.always(work_s=0.3)
    summary = locust("--poll-interval", "0.2").summary
    completion, lag = summary["latencies"]["completion_ms"], summary["latencies"]["detection_lag_ms"]
    # The first poll comes anywhere in the first interval, so that the end is seen anywhere in the one after it.
    assert 300 <= completion["min"] < 400 < completion["max"] < 560
    assert lag["mean"] == pytest.approx(completion["mean"] - 300, abs=40)
    assert {summary["polls_per_operation"][name] for name in ("min", "max")} <= {2, 3}
    assert summary["latencies"]["start_ms"]["count"] == summary["operations"]["accepted"]


def test_locust_shows_requests_and_one_row_of_operations(good_run):
    """Locust's own table has the requests as they were sent, and one row of the scenario's operations."""
    rows = re.findall(r"^(\w+)\s+(.+?)\s{2,}", good_run[0].err, re.MULTILINE)
    of_locust = {row for row in rows if row[0] in ("OP", "GET", "POST", "COUNT")}
    assert of_locust == {("OP", "Few completion"), ("POST", START), ("GET", f"{WEBHOOK}{{instanceId}}")}


def test_the_webhook_is_polled_by_the_url_it_gave(locust, stub):
    """The function key goes with starts only: in a webhook's request it would win over the key in the URL."""
    assert locust("--function-key", FUNCTION_KEY, "--history-sample", "0").code == 0
    starts = [headers for method, _, headers in stub.requests if method == "POST"]
    polls = [(path, headers) for _, path, headers in stub.requests if path.startswith(WEBHOOK)]
    assert starts
    assert polls
    assert all(headers["x-functions-key"] == FUNCTION_KEY for headers in starts)
    assert all(path.endswith(f"?code={KEY}") and "x-functions-key" not in headers for path, headers in polls)


def test_the_apps_own_status_route_can_be_polled(locust, stub):
    """With --status-source app the app's route is polled, with the function key, and nothing else."""
    run = locust("--status-source", "app", "--function-key", FUNCTION_KEY)
    assert run.code == 0
    assert run.operations["completed"] == stub.accepted
    polls = [(path, headers) for method, path, headers in stub.requests if method == "GET" and path.startswith("/api/")]
    assert polls
    assert all(path.startswith("/api/status/") for path, _ in polls)
    assert all(headers["x-functions-key"] == FUNCTION_KEY for _, headers in polls)


def test_no_key_is_shown_anywhere(locust, stub):
    """Neither the function key nor a webhook's key reaches the terminal or a report, also when requests fail."""
    stub.always(lost=True)
    run = locust("--function-key", FUNCTION_KEY)
    texts = [run.out, run.err, *(path.read_text() for path in run.report_dir.iterdir() if path.is_file())]
    assert run.operations["lost"]
    assert not [text for text in texts if FUNCTION_KEY in text or KEY in text]


def test_reports_are_written_and_self_contained(good_run):
    """A run leaves the JSON and an HTML page that fetches nothing, and says where they are."""
    run, _ = good_run
    page = (run.report_dir / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert not re.search(r"(src|href)\s*=|@import|url\(", page)
    assert page.count("<svg") == 2 * 8
    assert str(run.report_dir / "report.html") in run.out
    assert list(run.summary["scenarios"]) == ["Few"]


def test_progress_is_shown_while_a_run_lasts(locust, stub):
    """Where there is no terminal, a line now and then shows how the run stands."""
    stub.always(work_s=3.2)
    lines = re.findall(
        r"^ +3 s  started 4  in flight 4  failed 0  completed 0$", locust(run_time="1s").err, re.MULTILINE
    )
    assert len(lines) == 1


def test_a_named_scenario_runs_alone(locust, stub):
    """A scenario named on the command line runs alone; one that does not wait is followed to the end anyway."""
    run = locust(run_time="1s", scenario="Eager")
    assert list(run.summary["scenarios"]) == ["Eager"]
    assert run.operations["completed"] == stub.accepted > 4
