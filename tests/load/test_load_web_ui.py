"""The web UI: the host is filled in, a bad value is refused, and every test stop is summed up."""

import re

import pytest
import requests
from web_ui import WebUi

from durable_harness.gate.measurable import NO_BEGINNING, NO_CREATION

pytestmark = pytest.mark.thorough


def test_each_stop_is_summed_up(start_locust, stub, port, wait_until):
    """Two tests from one web UI are two runs with a summary each, and a value no run can use starts none."""
    locust = start_locust("--web-host", "127.0.0.1", "--web-port", str(port), "--host", f"{stub.url}/", "Quick")
    ui = WebUi(port)
    page = wait_until(ui.page, "the web UI")
    assert f'"host": "{stub.url}"' in page
    for run in (1, 2):
        accepted = stub.accepted
        ui.start(host=stub.url)
        wait_until(lambda: stub.accepted > accepted + 1, "operations of the run")  # noqa: B023 - called at once
        ui.stop()
        wait_until(lambda: locust.out.count("Reports: ") == run, "the summary")  # noqa: B023 - called at once
    accepted_before = stub.accepted
    ui.start(host=stub.url, operation_duration="soon")
    wait_until(lambda: "got 'soon', expected seconds, 0 or more" in locust.err, "the refusal")
    assert stub.accepted == accepted_before
    locust.press_ctrl_c()
    assert locust.wait().operations["completed"] == stub.accepted - accepted


def test_the_live_page_follows_a_run_to_its_report(start_locust, stub, port, wait_until, tmp_path):
    """Locust's page links to ours, whose data follow the run: in flight, percentiles and gates, then the report."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[completion_ms]\np50 = 10\n[operations]\nerror_ratio = 0\n")
    arguments = ["--web-host", "127.0.0.1", "--web-port", str(port), "--host", stub.url, "--gates", str(gates)]
    locust = start_locust(*arguments, "Quick")
    ui = WebUi(port)
    assert 'href="./durable"' in wait_until(ui.page, "the web UI")
    live = requests.get(f"{ui.url}/durable", timeout=10).text
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//|@import|url\(", live)

    state = ui.state
    assert (state()["phase"], state()["in_flight"], state()["has_report"]) == ("idle", 0, False)
    assert requests.get(f"{ui.url}/durable/report", timeout=10).status_code == 404
    stub.always(work_s=0.5)
    ui.start(host=stub.url, gates=str(gates))
    wait_until(lambda: state()["in_flight"] == 2, "operations in flight")
    running = wait_until(lambda: state()["gates"] and state()["ended"]["completed"] and state(), "figures")
    assert running["phase"] == "running"
    assert {gate["name"]: gate["passed"] for gate in running["gates"]} == {
        "completion_ms p50": False,
        "operations error_ratio": True,
    }
    assert next(row for row in running["latencies"] if row["label"] == "completion")["p50"] >= 500
    assert running["unknown"] == [
        f"queueing, execution: not measurable: {NO_BEGINNING}",
        f"server completion: not measurable: {NO_CREATION}",
    ]
    assert running["actions"].startswith("actions per operation: not known: ")
    ui.stop()
    over = wait_until(lambda: state()["has_report"] and state(), "the report")
    assert (over["phase"], over["in_flight"], over["verdict"]) == ("idle", 0, "failed: 1 of 2 gates failed")
    assert requests.get(f"{ui.url}/durable/report", timeout=10).text.startswith("<!doctype html>")
    locust.press_ctrl_c()
    locust.wait()
