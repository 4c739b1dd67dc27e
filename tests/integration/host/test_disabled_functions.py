"""Functions that app settings disable: out of reach for HTTP, clients and orchestrations, and named at the start."""

import json
import uuid

import pytest

from durable_harness.stack import embedded_stack

CODE = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.function_name("Old Way".replace(" ", "_"))
@app.route(route="old")
def old(req: func.HttpRequest) -> str:
    return "old"

@app.route(route="new")
def new(req: func.HttpRequest) -> str:
    return "new"

@app.orchestration_trigger(context_name="context")
def calls_activity(context):
    yield context.call_activity("charge", 1)

@app.orchestration_trigger(context_name="context")
def calls_entity(context):
    yield context.call_entity(df.EntityId("Basket", "1"), "get")

@app.orchestration_trigger(context_name="context")
def calls_child(context):
    yield context.call_sub_orchestrator("child")

@app.orchestration_trigger(context_name="context")
def child(context):
    return 1

@app.activity_trigger(input_name="amount", activity="charge")
def charge_card(amount):
    return amount

@app.entity_trigger(context_name="context", entity_name="Basket")
def basket(context):
    context.set_result(1)

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
@app.queue_output(arg_name="out", queue_name="ids", connection="Storage")
def nightly(timer: func.TimerRequest, out: func.Out[str], context: func.Context) -> None:
    out.set(context.invocation_id)

@app.queue_trigger(arg_name="message", queue_name="failing", connection="Storage")
def failing(message: func.QueueMessage) -> None:
    try:
        raise KeyError("cause")
    except KeyError as error:
        raise ValueError("effect") from error
"""
SETTINGS = {
    "AzureWebJobs.Old_Way.Disabled": "true",
    "AzureWebJobs__charge_card__Disabled": "1",
    "azurewebjobs.BASKET.disabled": True,
    "AzureWebJobs:child:Disabled": "True",
    "AzureWebJobs.nightly.Disabled": "true",
    "AzureWebJobs.new.Disabled": "0",
}
WEBHOOKS = "/runtime/webhooks/durabletask"


KEYS = {"DURABLE_HARNESS_FUNCTION_KEY": "the-host-key", "DURABLE_HARNESS_MASTER_KEY": "the-master-key"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Return an app with several functions disabled, each in another spelling."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "function_app.py").write_text(CODE)
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "local.settings.json").write_text(json.dumps({"Values": SETTINGS}))
    return folder


@pytest.fixture(scope="module")
def stack(app, tmp_path_factory):
    """Yield the app on a host that checks no keys."""
    with embedded_stack(app, log_path=tmp_path_factory.mktemp("log") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def url_with_keys(app, tmp_path_factory):
    """Yield the URL of a host that checks keys."""
    log = tmp_path_factory.mktemp("keys") / "log"
    with embedded_stack(app, log_path=log, serve_args=["--enableAuth"], environment=KEYS) as running:
        yield running.base_url


def test_a_disabled_http_function_is_not_found(stack, http):
    """Its route answers 404; that of a function whose setting says no is served."""
    assert http.get(f"{stack.base_url}/api/old").status_code == 404
    assert http.get(f"{stack.base_url}/api/new").text == "new"


def test_the_start_names_what_is_disabled(stack):
    """The first lines name the disabled functions and the setting of each; the list too."""
    printed = stack.log_path.read_text()
    for name in ("Old_Way", "charge_card", "basket", "child", "nightly"):
        assert f"Function {name} is disabled, by the app setting AzureWebJobs.{name}.Disabled.\n" in printed
        assert f"\t{name}: disabled" in printed
    assert "Function new" not in printed


@pytest.mark.parametrize(
    ("orchestrator", "setting"),
    [("calls_activity", "charge_card"), ("calls_entity", "basket"), ("calls_child", "child")],
)
def test_calling_a_disabled_function_fails_the_orchestration(stack, http, orchestrator, setting):
    """A disabled activity, entity or orchestrator is unknown to whoever calls it; the reason names the setting."""
    wait = "timeout=20&pollingInterval=1"
    ended = http.post(f"{stack.base_url}{WEBHOOKS}/orchestrators/{orchestrator}?{wait}").json()
    assert ended["runtimeStatus"] == "Failed"
    assert f"AzureWebJobs.{setting}.Disabled" in ended["output"]


def test_a_disabled_orchestrator_or_entity_is_not_started(stack, http):
    """The webhooks refuse to start or signal what is disabled, as if it did not exist."""
    start = http.post(f"{stack.base_url}{WEBHOOKS}/orchestrators/child")
    signal = http.post(f"{stack.base_url}{WEBHOOKS}/entities/Basket/1?op=add")
    assert (start.status_code, signal.status_code) == (400, 400)


def test_a_disabled_function_runs_by_hand(stack, http):
    """A disabled timer runs by the admin API, with its outputs; its invocation id is a GUID with dashes."""
    assert http.post(f"{stack.base_url}/admin/functions/nightly").status_code == 202
    ran = http.post(f"{stack.base_url}/admin/durable-harness/functions/nightly").json()
    (written,) = ran["outputs"]
    assert ran["failure"] is None
    assert written["value"] == ran["invocationId"] == str(uuid.UUID(ran["invocationId"]))


def test_a_disabled_http_function_runs_by_hand(stack, http):
    """The admin API runs it although its route is not found."""
    ran = http.post(f"{stack.base_url}/admin/durable-harness/functions/Old_Way").json()
    assert (ran["function"], ran["failure"]) == ("Old_Way", None)
    assert http.post(f"{stack.base_url}/admin/functions/old_way").status_code == 202


@pytest.mark.parametrize(
    ("key", "route", "by_hand"), [("", 404, 401), ("the-host-key", 404, 401), ("the-master-key", 200, 202)]
)
def test_the_master_key_runs_a_disabled_http_function(url_with_keys, http, key, route, by_hand):
    """As in Azure: by its route and by the admin API with the master key, and with no other."""
    headers = {"x-functions-key": key}
    assert http.get(f"{url_with_keys}/api/old", headers=headers).status_code == route
    assert http.post(f"{url_with_keys}/admin/functions/Old_Way", headers=headers).status_code == by_hand


def test_disabled_functions_are_in_the_list_of_functions(stack, http):
    """GET /admin/functions has them with isDisabled, and so has the description of each."""
    listed = {one["name"]: one["isDisabled"] for one in http.get(f"{stack.base_url}/admin/functions").json()}
    disabled = {"Old_Way", "charge_card", "basket", "child", "nightly"}
    assert {name for name, is_disabled in listed.items() if is_disabled} == disabled
    assert listed["new"] is False
    assert http.get(f"{stack.base_url}/admin/functions/OLD_WAY").json()["isDisabled"] is True


def test_a_disabled_orchestrator_is_not_run_by_hand(stack, http):
    """It has no way to be started, so the error gives the setting that disables it."""
    refused = http.post(f"{stack.base_url}/admin/functions/child")
    assert refused.status_code == 400
    assert "disabled, by the app setting AzureWebJobs.child.Disabled" in refused.json()["error"]


def test_a_trace_has_only_frames_of_the_app(stack, http):
    """The trace of a failure begins with the app's own line, and so does that of its cause."""
    trace = http.post(f"{stack.base_url}/admin/durable-harness/functions/failing").json()["failure"]["trace"]
    files = [line for line in trace.splitlines() if line.startswith('  File "')]
    assert len(files) == 2
    assert all("function_app.py" in line for line in files)
    assert "KeyError: 'cause'" in trace
    assert trace.endswith("ValueError: effect\n")
