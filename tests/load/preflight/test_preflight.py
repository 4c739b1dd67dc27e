"""One operation before the load: what does not work ends the command there, with the reason and the remedy."""

import re
from pathlib import Path

import pytest
from locust_process import NO_PREFLIGHT, headless

REPOSITORY = Path(__file__).parents[3]
PATTERNS = REPOSITORY / "tests" / "apps" / "patterns"
OURS = REPOSITORY / "loadtests"
APP = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="orders/{number:int}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new("work", None, req.route_params["number"]))

@app.orchestration_trigger(context_name="context")
def work(context):
    return (yield context.call_activity("double", int(context.get_input())))

@app.activity_trigger(input_name="number")
def double(number: int) -> int:
    return 2 * number
"""


@pytest.fixture
def run(start_locust, stub, monkeypatch):
    """Return run(*arguments): a headless run of a dozen operations against the stub, with the operation before them."""
    monkeypatch.setenv(NO_PREFLIGHT, "false")

    def start(*arguments, ending=("-t", "30s", "Few")):
        return start_locust(*headless(stub), *arguments, *ending).wait()

    return start


def test_the_first_operation_is_in_no_figure(run, stub):
    """The server sees one operation more than the run counts, and the audit does not miss or list it."""
    ended = run()
    assert ended.code == 0, ended.err
    assert ended.summary["operations"]["started"] == len(stub.operations) - 1
    tokens = [operation.payload["data"]["token"] for operation in stub.operations.values()]
    assert sum(token.startswith("preflight-") for token in tokens) == 1
    assert "not this run" not in ended.out


def test_a_refused_start_ends_the_command(run, stub):
    """The message has method, URL, status, the start of the answer, what was sent and the option; nothing follows."""
    stub.always(refuse=404)
    ended = run()
    assert ended.code == 2
    for words in ("was refused", f"POST {stub.url}/api/async_http_api answered 404", "Sent: {", "--start-path"):
        assert words in ended.err
    assert not (ended.report_dir / "summary.json").exists()


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ({"refuse": 401}, 2, "--function-key"),
        ({"refuse": 400}, 2, "--payload"),
        ({"refuse": 200}, 2, "accepted = [200]"),
        ({"refuse": 503}, 4, "answered 503"),
        ({"hang_up": True}, 4, "got no answer"),
        ({"outcome": "Failed"}, 2, "the activity raised"),
        ({"wrong_output": True}, 2, "check_output"),
        ({"lost": True}, 2, "is not known"),
        ({"work_s": 60}, 2, "did not end within 1 s"),
    ],
)
def test_a_failed_preflight_names_what_to_set(run, stub, behaviour, code, words):
    """Each way to fail has its own remedy; only a system that does not answer ends with 4."""
    stub.always(**behaviour)
    ended = run("--operation-timeout", "1")
    assert (ended.code, words in ended.err) == (code, True), ended.err


def test_the_preflight_can_be_left_out(run, stub):
    """With --no-preflight the load is made, and the run fails as it did."""
    stub.always(refuse=404)
    ended = run("--no-preflight")
    assert ended.code == 1
    assert ended.operations["refused"] == ended.operations["started"]


def test_options_of_the_start_reach_the_server(run, stub):
    """The payload of the command line is what each operation sends, with values of its own."""
    payload = '{"operation_type": "{number}", "duration": "{duration}", "data": "{token}"}'
    ended = run("--payload", payload, "--headers", "X-Tenant: a")
    assert ended.code == 0, ended.err
    sent = [operation.payload for operation in stub.operations.values()]
    assert len({body["data"] for body in sent}) == len(sent)
    assert all(isinstance(body["operation_type"], int) for body in sent)


def test_distributed_runs_have_one_first_operation(run, stub, processes, tmp_path):
    """The master alone makes it; a payload's file is read there, and its content goes to the workers."""
    (tmp_path / "payload.json").write_text('{"operation_type": "x", "duration": 0, "data": "{token}"}')
    ended = run(*processes, "--payload", f"@{tmp_path / 'payload.json'}")
    assert ended.code == 0, ended.err
    tokens = [operation.payload["data"] for operation in stub.operations.values()]
    assert sum(token.startswith("preflight-") for token in tokens) == 1


@pytest.fixture
def run_ours(start_locust, monkeypatch):
    """Return run_ours(app, *arguments): our own steady scenario on an app that is served for it."""
    monkeypatch.setenv(NO_PREFLIGHT, "false")
    arguments = ("--headless", "-t", "1s", "--gates", "none")
    return lambda app, *more: start_locust(*arguments, "--app", str(app), *more, "Steady", scenarios=OURS).wait()


def test_several_starters_end_the_command(run_ours):
    """Served by us, an app with many ways to start operations lists them."""
    ended = run_ours(PATTERNS)
    assert ended.code == 2
    assert "POST /api/start/values" in ended.err
    assert "--start-path" in ended.err


def test_the_one_starter_is_taken(run_ours, tmp_path):
    """An app with one way to start operations needs no option, whatever its route, and a line names it."""
    (tmp_path / "function_app.py").write_text(APP)
    ended = run_ours(tmp_path)
    assert ended.code == 0, ended.err
    assert "operations start by POST /api/orders/{number}  (order)" in ended.err
    assert ended.operations["completed"] == ended.operations["started"] > 0


def test_a_start_of_ours_that_fails_names_the_host_s_log(run_ours):
    """What an app answers to its first operation is shown, with where to read more."""
    ended = run_ours(PATTERNS, "--start-path", "/api/start/fails")
    assert ended.code == 2
    assert "the app's own error" in ended.err
    assert "stack.log" in ended.err


def test_the_web_page_is_not_opened_for_what_does_not_work(start_locust, stub, port, monkeypatch):
    """A Locust with its page tries one operation too, before anybody can start a run that cannot work."""
    monkeypatch.setenv(NO_PREFLIGHT, "false")
    stub.always(refuse=404)
    ended = start_locust("--host", stub.url, "--web-port", str(port), "Few").wait()
    assert ended.code == 2
    assert "was refused" in ended.err


def test_a_scenario_that_steers_its_operations_is_not_awaited(start_locust, stub, monkeypatch):
    """What a scenario ends itself need only be accepted and polled before the load, and is terminated then."""
    monkeypatch.setenv(NO_PREFLIGHT, "false")
    stub.always(work_s=5)
    began = ("--headless", "--host", stub.url, "-t", "1s", "--gates", "none", "--drain-timeout", "0")
    ended = start_locust(*began, "Terminate", scenarios=OURS).wait()
    assert "did not end" not in ended.err
    assert ended.operations["started"] > 0


OTHERS = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="claims/{token}", methods=["PUT"])
@app.durable_client_input(client_name="client")
async def claim(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new("decide", None, req.get_json()))

@app.route(route="broken", methods=["POST"])
@app.durable_client_input(client_name="client")
async def broken(req: func.HttpRequest, client):
    raise ValueError(f"no order in {sorted(req.get_json())}")

@app.orchestration_trigger(context_name="context")
def decide(context):
    if context.get_input().get("waits"):
        return (yield context.wait_for_external_event("Approved"))
    return context.get_input()
"""
CLAIMS = (
    "--start-path",
    "/api/claims/{token}",
    "--start-method",
    "PUT",
    "--payload",
    '{"waits": true, "id": "{token}"}',
)


@pytest.fixture
def others(tmp_path):
    """Return the folder of an app whose starter takes PUT and may wait for an event, beside one that raises."""
    (tmp_path / "function_app.py").write_text(OTHERS)
    return tmp_path


def test_what_an_operation_waits_for_is_named(run_ours, others):
    """One that does not end is reported with the event that it waits for, what raises it, and the request as sent."""
    ended = run_ours(others, *CLAIMS, "--operation-timeout", "2")
    assert ended.code == 2
    # SDK 2.x knows no case in names of events, and waits for 'approved'.
    assert re.search("Why: it waits for external event '[Aa]pproved'", ended.err)
    assert "`on_accepted` with `raise_event_later`" in ended.err
    assert "--raise-event NAME=JSON" in ended.err
    assert "`ab` and `capacity` run no scenarios" in ended.err
    assert '"id": "preflight-' in ended.err


def test_an_event_can_be_raised_by_an_option(run_ours, others):
    """With it an app that waits for an event is loaded without a scenario of its own, the first operation too."""
    ended = run_ours(others, *CLAIMS, "--raise-event", 'Approved={"by": "load"}', "--operation-timeout", "20")
    assert ended.code == 0, ended.err
    assert ended.operations["completed"] == ended.operations["started"] > 0


def test_an_event_that_the_service_does_not_take_ends_with_two(run, stub, tmp_path):
    """A description without events is named before any load."""
    service = tmp_path / "service.toml"
    service.write_text('[start]\npath = "/x"\n[status]\nstate = "/state"\nsucceeded = ["done"]\n')
    ended = run("--service", str(service), "--raise-event", "Approved")
    assert (ended.code, "--raise-event: the service has no way to raise one" in ended.err) == (2, True), ended.err
    assert not stub.requests


def test_an_exception_behind_a_500_is_named(run_ours, others):
    """The answer has no body; the host has logged what was raised, and the message has it."""
    ended = run_ours(others, "--start-path", "/api/broken")
    assert ended.code == 2
    assert "The host logged: " in ended.err
    assert "ValueError: no order in ['data', 'duration', 'operation_type']" in ended.err


def test_a_starter_that_takes_put_is_found(run_ours, others):
    """An app whose one starter takes another method needs no option, and each process of the load uses it."""
    source = (others / "function_app.py").read_text()
    (others / "function_app.py").write_text(source.replace('methods=["POST"]', 'methods=["GET"]'))
    ended = run_ours(others, "--payload", '{"id": "{token}"}')
    assert ended.code == 0, ended.err
    assert "operations start by PUT /api/claims/{token}  (claim)" in ended.err
    assert ended.operations["completed"] == ended.operations["started"] > 0


def test_a_status_that_cannot_be_read_has_its_own_remedy(run, stub, tmp_path):
    """What the description of a service gets wrong is no matter of the payload."""
    service = tmp_path / "service.toml"
    service.write_text(
        '[start]\npath = "/api/async_http_api"\naccepted = [202]\nstatus_url = ["body:/statusQueryGetUri"]\n'
        '[status]\nstate = "/no/such/place"\nsucceeded = ["Completed"]\nfailed = ["Failed"]\n'
    )
    ended = run("--service", str(service))
    assert ended.code == 2
    assert "status cannot be read" in ended.err
    assert "[status] in the file for --service" in ended.err
    assert "what it is to work on with --payload" not in ended.err
