"""The web UI: the host is filled in, a bad value is refused, and every test stop is summed up."""

import itertools
import re

import pytest
import requests
from locust_process import headless
from stub_server import Behaviour, StubServer
from web_ui import WebUi
from wire_server import keep_answering

from durable_harness.gate.measurable import NO_BEGINNING, NO_CREATION

pytestmark = pytest.mark.thorough

LOST = Behaviour(lost=True)
ENDS = ("failed", "lost")


def test_each_stop_is_summed_up(start_locust, stub, port, wait_until):
    """Two tests from one web UI are two runs with a summary each, and a value no run can use starts none."""
    locust = start_locust("--web-port", str(port), "--host", f"{stub.url}/", "Quick")
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
    refused = ui.start(host=stub.url, operation_duration="soon")
    assert refused == {"success": False, "message": "--operation-duration: got 'soon', expected seconds, 0 or more"}
    assert stub.accepted == accepted_before
    locust.press_ctrl_c()
    assert locust.wait().operations["completed"] == stub.accepted - accepted


BAD_VALUES = {
    "user_count": ("many", "users: got 'many', expected a whole number, 0 or more"),
    "spawn_rate": ("inf", "ramp up: got 'inf', expected users per second, above 0"),
    "run_time": ("a while", "run time: got 'a while', expected a time above 0, like 30, 90s, 10m or 1h30m"),
    "host": ("nowhere", "--host: got 'nowhere', expected"),
    "rate": ("-5", "--rate: got '-5', expected"),
    "seed": ("x", "--seed: got 'x', expected a whole number, 0 or more"),
    "poll_interval": ("", "--poll-interval: got '', expected seconds above 0"),
    "warm_up": ("nan", "--warm-up: got 'nan', expected seconds, 0 or more"),
    "audit": ("perhaps", "--audit: got 'perhaps', expected one of auto, each, off"),
    "operation_duration": ("soon", "--operation-duration: got 'soon', expected seconds, 0 or more"),
    "connections": ("none", "--connections: got 'none', expected"),
}


def test_a_bad_value_is_refused_and_does_not_stick(start_locust, stub, port, wait_until):
    """Each bad field is refused with its reason and starts nothing; the next start without it runs, and on its values.

    Nothing of a refused form is kept, its good fields neither.
    """
    locust = start_locust("--web-port", str(port), "--host", stub.url, "--seed", "7", "Quick")
    ui = WebUi(port)
    wait_until(ui.page, "the web UI")
    for name, (value, reason) in BAD_VALUES.items():
        refused = ui.start(**{"host": stub.url, "drain_timeout": "13", "run_time": "30", name: value})
        assert (refused["success"], refused["message"][: len(reason)]) == (False, reason)
    assert stub.accepted == 0
    assert ui.start() == {"success": True, "message": "Swarming started", "host": stub.url}
    wait_until(lambda: stub.accepted, "operations of the run")
    ui.stop()
    wait_until(lambda: ui.state()["has_report"], "the report")
    locust.press_ctrl_c()
    settings = locust.wait().summary["settings"]
    assert (settings["seed"], settings["drain timeout"], settings["run time"]) == ("7", "30 s", "until stopped")
    assert "Traceback" not in locust.err


def test_a_run_time_is_that_of_its_own_form(start_locust, stub, port, wait_until):
    """A start without a run time after one with it runs until it is stopped, and its report says so."""
    locust = start_locust("--web-port", str(port), "--host", stub.url, "Quick")
    ui = WebUi(port)
    wait_until(ui.page, "the web UI")
    ui.start(host=stub.url, run_time="1s")
    wait_until(lambda: locust.out.count("Reports: ") == 1, "the end of the first run")
    accepted = stub.accepted
    ui.start(host=stub.url, run_time="")
    wait_until(lambda: stub.accepted > accepted, "operations of the second run")
    ui.stop()
    wait_until(lambda: locust.out.count("Reports: ") == 2, "the end of the second run")
    locust.press_ctrl_c()
    assert locust.wait().summary["settings"]["run time"] == "until stopped"


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
    ui.start(host=stub.url)
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
    assert (over["phase"], over["in_flight"]) == ("idle", 0)
    assert re.fullmatch(r"failed: completion p50 \d+ ms > \d+ ms", over["verdict"])
    assert requests.get(f"{ui.url}/durable/report", timeout=10).text.startswith("<!doctype html>")
    locust.press_ctrl_c()
    locust.wait()


def test_a_page_of_another_site_starts_and_reads_nothing(start_locust, stub, port, wait_until, serve):
    """A form of another site, another host for the key, a folder to write to: none of it has any effect.

    The UI listens on the loopback even without an option for it, and no page shows the key.
    """
    other = serve(keep_answering)
    arguments = ["--web-port", str(port), "--host", stub.url, "--function-key", "the-secret-key", "Quick"]
    locust = start_locust(*arguments)
    ui = WebUi(port)
    wait_until(ui.page, "the web UI")
    folder = locust.report_dir.with_name("precious")
    folder.mkdir()
    (folder / "summary.json").write_text("precious")
    assert f"Starting web interface at http://127.0.0.1:{port}" in locust.err
    form = {"user_count": 1, "spawn_rate": 1, "host": stub.url}
    swarm = f"{ui.url}/swarm"
    foreign = {"Origin": "http://evil.example"}
    assert requests.post(swarm, data=form, headers=foreign, timeout=10).status_code == 403
    assert requests.get(ui.url, headers={"Host": f"evil.example:{port}"}, timeout=10).status_code == 403
    refused = ui.start(host=other.url)
    assert not refused["success"]
    assert refused["message"].startswith(f"{other.url} does not get the function key")
    assert ui.start(host=stub.url, report_dir=str(folder))["message"] == (
        "Only the command line sets report_dir: start Locust again."
    )
    edit = {"user_class_name": "Quick", "start_path": f"@127.0.0.1:{other.port}/"}
    assert requests.post(f"{ui.url}/user", json=edit, timeout=10).status_code == 400
    assert ui.start(host=stub.url)["success"]
    wait_until(lambda: stub.accepted, "operations of the run")
    pages = ("", "/durable", "/durable/state", "/stats/report", "/stats/requests", "/tasks", "/logs", "/exceptions")
    assert not [page for page in pages if "the-secret-key" in requests.get(f"{ui.url}{page}", timeout=10).text]
    assert ui.start(host=other.url)["success"] is False
    ui.stop()
    locust.press_ctrl_c()
    locust.wait()
    assert other.requests == []
    assert (folder / "summary.json").read_text() == "precious"
    keys = {headers.get("x-functions-key") for method, path, headers in stub.requests if method == "POST"}
    assert keys == {"the-secret-key"}


def test_without_a_secret_another_host_may_be_chosen(start_locust, stub, port, wait_until):
    """Where no key and no header of a service would go along, the host of the form is where the next run goes."""
    second = StubServer()
    try:
        locust = start_locust("--web-port", str(port), "--host", stub.url, "Quick")
        ui = WebUi(port)
        wait_until(ui.page, "the web UI")
        assert ui.start(host=second.url)["success"]
        wait_until(lambda: second.accepted, "operations at the other host")
        assert "A run against" in ui.start(host=stub.url)["message"]
        ui.stop()
        locust.press_ctrl_c()
        assert locust.wait().summary["target"] == second.url
    finally:
        second.close()


def test_failures_and_times_at_the_server_are_live(start_locust, stub, port, wait_until):
    """The live page's data has why operations failed, the most frequent reason first, and a host's times over time."""
    stub.measures = True
    stub.behaviours = itertools.cycle([Behaviour(), Behaviour(outcome="Failed"), Behaviour(outcome="Failed"), LOST])
    locust = start_locust("--web-port", str(port), *headless(stub)[1:], "--autostart", "Quick")
    ui = WebUi(port)
    wait_until(ui.page, "the web UI")

    def shown():
        state = ui.state()
        is_measured = state["plots"]["parts"]
        return state if len(state["reasons"]) == 2 and state["reasons"][0]["count"] > 3 and is_measured else None

    state = wait_until(shown, "reasons and times")
    parts = state["plots"]["parts"]
    failed, lost = state["reasons"]
    assert (failed["state"], lost["state"]) == ("failed", "lost")
    assert failed["reason"] == "operation Failed: the activity raised"
    assert (failed["count"], lost["count"], state["more_reasons"]) == (
        state["ended"]["failed"],
        state["ended"]["lost"],
        0,
    )
    over_time = {one["style"]: [y for _, y in one["points"] if y is not None] for one in parts["series"]}
    assert min(over_time["part-queueing"]) >= 0
    assert {round(mean_ms) for mean_ms in over_time["part-execution"]} == {80}
    locust.press_ctrl_c()
    locust.wait()
