"""After a run every accepted operation is accounted for at the server, by its paged query or one by one."""

import math
import signal
from pathlib import Path

import pytest
from locust_process import headless
from stub_server import KEY, WEBHOOK, Behaviour, StubOperation

from durable_harness.gate.comparison import read_run

pytestmark = pytest.mark.thorough

LISTING = WEBHOOK.rstrip("/")
REPOSITORY = Path(__file__).parents[3]


def audit_of(run):
    """Return a run's audit and the problems that it found, with their number."""
    audit = run.summary["audit"]
    return audit, {problem: count for problem, count in audit["counts"].items() if count}


def test_a_clean_run_is_confirmed_page_by_page(good_run):
    """Each accepted operation is confirmed by the paged query, over several pages, and by nothing else."""
    run, stub = good_run
    audit, problems = audit_of(run)
    assert (audit["confirmed"], audit["accepted"], problems, audit["is_clean"]) == (
        stub.accepted,
        stub.accepted,
        {},
        True,
    )
    assert audit["method"] == "by a paged query"
    asked = [path for method, path, _ in stub.requests if method == "GET" and path.startswith(f"{LISTING}?")]
    assert len(asked) >= 1 + math.ceil(stub.accepted / 5)
    assert all(f"code={KEY}" in path for path in asked)
    assert f"Audit: {stub.accepted} of {stub.accepted} accepted operations ended once and as they were seen" in run.out


def test_what_the_listing_leaves_out_is_asked_for(locust, stub):
    """An operation that the paged query does not list is asked for by its status before it counts as lost."""
    stub.in_turn(Behaviour(unlisted=True), Behaviour())
    audit, problems = audit_of(locust())
    assert (audit["confirmed"], problems) == (stub.accepted, {})
    assert audit["method"] == "by a paged query and by a status request for each"


def test_without_a_listing_each_is_asked(locust, stub):
    """A service that has no paged query is audited by the status of each operation."""
    stub.has_listing = False
    audit, problems = audit_of(locust())
    assert (audit["confirmed"], problems, audit["is_clean"]) == (stub.accepted, {}, True)
    assert audit["method"] == "by a status request for each"


def test_lost_stuck_and_duplicated_ones_are_listed(locust, stub):
    """What vanished, what never ended and what was started twice is counted, and named in summary and report."""
    stub.in_turn(Behaviour(lost=True), Behaviour(work_s=math.inf), Behaviour(twice=True), Behaviour())
    run = locust("--operation-timeout", "0.5")
    states = [operation.behaviour for operation in stub.operations.values()]
    audit, problems = audit_of(run)
    assert problems == {
        "lost": sum(state.lost for state in states),
        "stuck": sum(state.work_s == math.inf for state in states),
        "duplicated": len(stub.unannounced),
    }
    assert not audit["is_clean"]
    duplicates = {finding["instance_id"] for finding in audit["findings"] if finding["problem"] == "duplicated"}
    assert duplicates == set(stub.unannounced)
    stuck = next(key for key, operation in stub.operations.items() if operation.behaviour.work_s == math.inf)
    assert f"stuck: {stuck} Running; here it timed out" in run.out
    assert stuck in (run.report_dir / "report.html").read_text()


APP = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new("ship", None, req.get_json()))

@app.orchestration_trigger(context_name="context")
def ship(context):
    order = context.get_input()
    yield context.task_all([context.call_sub_orchestrator("pack", order) for _ in range(2)])
    yield context.call_sub_orchestrator("pack", order, f"{context.instance_id}-own")
    return order

@app.orchestration_trigger(context_name="context")
def pack(context):
    yield context.call_sub_orchestrator("label", context.get_input())

@app.orchestration_trigger(context_name="context")
def label(context):
    return context.get_input()
"""


def test_children_with_the_input_of_their_parent_break_no_gate(start_locust, tmp_path):
    """An app that hands its input on to sub-orchestrations, also under ids of its own, has no duplicated operation."""
    (tmp_path / "function_app.py").write_text(APP)
    (tmp_path / "gates.toml").write_text("[audit]\nduplicated = 0\nunknown = 0\n")
    words = ["--app", str(tmp_path), "--start-path", "/api/orders", "--payload", '{"order": "{token}"}']
    words += ["--gates", str(tmp_path / "gates.toml"), "--headless", "--rate", "5", "-t", "2s", "Steady"]
    run = start_locust(*words, scenarios=REPOSITORY / "loadtests").wait()
    audit, problems = audit_of(run)
    assert (problems, run.code) == ({}, 0), run.out
    assert audit["confirmed"] == run.operations["accepted"] > 0


def test_lost_operations_fail_their_gate(locust, stub, tmp_path):
    """The gate on lost operations counts those too that only the audit missed."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[operations]\nlost = 0\n")
    stub.in_turn(*[Behaviour()] * 3, Behaviour(vanishes=True))
    run = locust("--gates", str(gates))
    assert run.code == 1
    assert run.operations["lost"] == 0
    assert run.summary["gates"][0]["measured"] == sum(it.behaviour.vanishes for it in stub.operations.values()) > 0


def test_operations_of_others_are_unknown(start_locust, stub, wait_until):
    """What the server has beside the run, of the same orchestrator and time, is listed and is no problem."""
    locust = start_locust(*headless(stub), "-t", "30s", "Few")
    wait_until(lambda: stub.accepted, "the run to begin")
    stub.unannounced["somebody-elses"] = StubOperation(Behaviour(), {"operation_type": "", "duration": 0, "data": None})
    audit, problems = audit_of(locust.wait())
    assert problems == {"unknown": 1}
    assert audit["is_clean"]


@pytest.mark.parametrize("status_source", ["webhook", "app"])
def test_the_audit_can_be_left_out(locust, stub, status_source):
    """With --audit off the server is asked nothing more, and the summary shows nothing of an audit."""
    run = locust("--audit", "off", "--status-source", status_source)
    assert run.summary["audit"] is None
    assert not [path for _, path, _ in stub.requests if path.startswith(f"{LISTING}?")]


def test_an_audit_that_cannot_ask_reports_it(locust, stub):
    """A server that answers the audit with errors does not end the run; the audit says that it is incomplete."""
    stub.listing_status = 503
    run = locust()
    audit, _ = audit_of(run)
    assert run.code == 0
    assert "status 503" in audit["incomplete"]
    assert "The audit is incomplete: " in run.out


def test_a_failed_audit_one_by_one_is_reported_in_one_line(locust, stub):
    """Where no status can be read after the run, the report says so once, and the terminal shows no traceback."""
    stub.has_listing = False
    stub.always(unreadable_later=True)
    run = locust()
    audit, _ = audit_of(run)
    assert "a status cannot be read: 400" in audit["incomplete"]
    assert run.out.count("The audit is incomplete: ") == 1
    assert not [word for word in ("Traceback", "Greenlet", "AuditError") if word in run.out + run.err]


def test_a_listing_that_never_ends_is_left_at_the_limit(locust, stub):
    """Pages that lead to ever more pages are read until --audit-timeout; the report says that the audit is incomplete.

    What was accepted, and is in no page by then, is not taken for lost.
    """
    stub.listing_never_ends = True
    run = locust("--audit-timeout", "1")
    audit, problems = audit_of(run)
    assert run.code == 0, run.err
    assert audit["incomplete"].startswith("it was stopped after 1 s: ")
    assert "lost" not in problems


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_listing_that_never_ends(start_locust, stub, wait_until, number):
    """A signal cuts the audit short at once, whatever its limit is, and the reports are whole."""
    stub.listing_never_ends = True
    locust = start_locust(*headless(stub), "--audit-timeout", "3600", "-t", "30s", "Few")
    wait_until(lambda: any("showInput" in path for _, path, _ in stub.requests), "the audit")
    locust.process.send_signal(number)
    run = locust.wait()
    assert (run.code, run.summary["verdict"]) == (130, "interrupted")
    assert run.summary["audit"] is None


def test_histories_show_what_a_status_does_not(locust, stub):
    """Where the status does not show when work began, the time is split by the histories, read after the run."""
    stub.always(work_s=0.3, coarse_times=True)
    run = locust()
    split, latencies = run.summary["time_split"], run.summary["latencies"]
    assert (split["operations"], split["unknown"]) == (stub.accepted, 0)
    assert latencies["execution_ms"]["p50"] == pytest.approx(280, abs=1)
    assert latencies["queueing_ms"]["count"] == stub.accepted
    assert f"note: times or actions of {stub.accepted} operations are from their histories" in run.out


def test_times_of_histories_are_in_the_records(locust, stub):
    """The records of operations whose histories were read have their times, so that `compare` can use them."""
    stub.always(work_s=0.3, coarse_times=True)
    recorded = read_run(locust("--history-sample", "5").report_dir)
    finished_ms = recorded.values("finish_ms")
    assert len(finished_ms) == 5
    assert finished_ms == pytest.approx([300] * 5, abs=100)
    assert len(recorded.values("completion_ms")) == stub.accepted


def test_a_sample_of_the_histories_is_enough(locust, stub):
    """With --history-sample no more histories are read than its number, from the whole run; with 0 none is."""
    assert locust("--history-sample", "5").summary["time_split"]["operations"] == 5
    asked = [path for _, path, _ in stub.requests if "showHistory" in path]
    assert len(asked) == 5
    assert locust("--history-sample", "0").summary["time_split"]["operations"] == 0
    assert [path for _, path, _ in stub.requests if "showHistory" in path] == asked
