"""Operations that never end: the report has the first of them, with what they wait for; and what a run used."""

import math
import re

import pytest
from locust_process import Locust
from stub_server import Behaviour

pytestmark = pytest.mark.thorough

APP = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="approve", methods=["POST"])
@app.durable_client_input(client_name="client")
async def approve(req, client):
    instance_id = await client.start_new("approval")
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def approval(context):
    yield context.wait_for_external_event("approved")
"""
ENDLESS = ["--headless", "-t", "2s", "--operation-timeout", "1", "--drain-timeout", "1", "--gates", "none"]
NOT_KNOWN = "what it waits for is not known: neither the notes of a host nor a history of it could be read"


@pytest.fixture
def load_app(tmp_path, pytestconfig):
    """Return load_app(*arguments): a run on the embedded stack whose operations wait for an event that never comes."""

    def load(*arguments):
        app = tmp_path / "app"
        app.mkdir()
        (app / "function_app.py").write_text(APP)
        (app / "host.json").write_text('{"version": "2.0"}')
        words = ["-f", "loadtests", "--app", str(app), "--start-path", "/api/approve", "--rate", "5", "Steady"]
        process = Locust([*words, "--no-preflight", *ENDLESS, *arguments], tmp_path / "report", pytestconfig.rootpath)
        try:
            return process.wait()
        finally:
            process.kill()
            process.close()

    return load


@pytest.mark.parametrize("audit", ["auto", "off"])
def test_a_host_of_ours_reports_what_each_waits_for(load_app, audit):
    """The first three have their orchestrator and their wait, also where no audit says which of them are stuck."""
    run = load_app("--audit", audit)
    stuck = run.summary["stuck"]
    assert len(stuck) == 3, run.err
    for one in stuck:
        assert (one["scenario"], one["orchestrator"], one["status"]) == ("Steady", "approval", "running")
        (wait,) = one["waits"]
        assert re.match(r"external event 'approved' \(function_app\.py:\d+\): has not come \(for ", wait)
    assert run.out.count("(orchestrator 'approval', running): waits for external event 'approved'") == 3


def test_what_generator_and_host_used_is_there(load_app):
    """A host that was started for the run is in the report beside the generator, second by second."""
    usage = load_app("--processes", "2").summary["usage"]
    assert usage["width_s"] == 1
    for party in ("generator", "host"):
        assert len(usage[party]) >= 3
        assert all(piece["memory_bytes"] > 1_000_000 for piece in usage[party])
        assert sum(piece["cpu_cores"] for piece in usage[party]) > 0
    most = {party: max(piece["memory_bytes"] for piece in usage[party]) for party in ("generator", "host")}
    assert most["generator"] > 1.5 * most["host"], "a master and two workers"


@pytest.mark.parametrize("sample", ["300", "0"])
def test_another_service_is_asked_for_its_histories(locust, stub, sample):
    """Without the notes of a host of ours its history says it, if histories may be read; its CPU is not known."""
    stub.in_turn(Behaviour(), Behaviour(work_s=math.inf))
    run = locust("--history-sample", sample, "--operation-timeout", "0.4")
    stuck = run.summary["stuck"]
    assert 1 <= len(stuck) <= 3
    assert all(bool(one["waits"]) is (sample == "300") for one in stuck)
    assert (NOT_KNOWN in run.out) is (sample == "0")
    assert run.summary["usage"]["host"] is None
    assert run.summary["usage"]["generator"]


def test_nothing_is_stuck_where_all_ended(locust):
    """A run whose operations ended asks for none, and shows none."""
    run = locust()
    assert run.summary["stuck"] == []
    assert "Stuck" not in run.out
