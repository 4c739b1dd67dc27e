"""Apps that share a task hub, each taking only the work of its own functions (workItemFilteringEnabled)."""

import json
from contextlib import ExitStack

import pytest

from durable_harness.stack import embedded_stack, scheduler_process

HEAD = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
SALES = """
@app.orchestration_trigger(context_name="context")
def sell(context):
    parcels = yield context.call_sub_orchestrator("pack", 2)
    yield context.call_entity(df.EntityId("Stock", "tea"), "take", parcels)
    answer = yield context.call_http("GET", context.get_input())
    status = answer["statusCode"] if isinstance(answer, dict) else answer.status_code  # SDK 1.x, 2.x
    return [parcels, status, (yield context.call_activity("price", parcels))]

@app.orchestration_trigger(context_name="context")
def haggle(context):
    yield context.call_activity("refund", 1)

@app.activity_trigger(input_name="parcels")
def price(parcels):
    return parcels * 3

@app.activity_trigger(input_name="amount")
def refund(amount):
    return amount
"""
STORES = """
@app.orchestration_trigger(context_name="context")
def pack(context):
    return (yield context.call_activity("wrap", context.get_input()))

@app.activity_trigger(input_name="count")
def wrap(count):
    return count + 1

@app.entity_trigger(context_name="context", entity_name="Stock")
def stock(context):
    context.set_state(context.get_input())
    context.set_result(None)
"""
WEBHOOKS = "/runtime/webhooks/durabletask"
START_AND_WAIT = "timeout=20&pollingInterval=1"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Yield a function that runs an app on one hub that all share, in the name of the app's team."""
    with ExitStack() as running:
        scheduler = running.enter_context(scheduler_process())
        address = f"Endpoint=http://{scheduler.grpc_address};Authentication=None;TaskHub=default"

        def run(team, code, **values):
            folder = tmp_path_factory.mktemp(team)
            storage = {"type": "azureManaged", "connectionStringName": "DTS", "workItemFilteringEnabled": True}
            host = {"version": "2.0", "extensions": {"durableTask": {"hubName": "default", "storageProvider": storage}}}
            (folder / "function_app.py").write_text(HEAD + code)
            (folder / "host.json").write_text(json.dumps(host))
            (folder / "local.settings.json").write_text(json.dumps({"Values": {"DTS": address, **values}}))
            return running.enter_context(embedded_stack(folder, serve_args=("--scheduler", "settings"))).base_url

        yield run


@pytest.fixture(scope="module")
def teams(hub):
    """Return the URLs of two apps on one hub; one of them has a function disabled."""
    return hub("stores", STORES), hub("sales", SALES, **{"AzureWebJobs.refund.Disabled": "true"})


def status_of(http, url, instance):
    return http.get(f"{url}{WEBHOOKS}/instances/{instance}").json()


@pytest.mark.parametrize("_round", range(4))
def test_each_app_does_its_own_work(teams, http, _round):
    """An orchestration that calls functions of both apps always ends well: no host takes work that it cannot do."""
    stores, sales = teams
    url = f"{stores}{WEBHOOKS}/instances/none"
    answer = http.post(f"{sales}{WEBHOOKS}/orchestrators/sell?{START_AND_WAIT}", json=url)
    assert answer.json() == [3, 404, 9]


def test_an_orchestrator_of_another_app_can_be_started(teams, http):
    """A start of what this app lacks is accepted: another app on the hub has it."""
    _, sales = teams
    assert http.post(f"{sales}{WEBHOOKS}/orchestrators/pack?{START_AND_WAIT}", json=4).json() == 5
    assert http.post(f"{sales}{WEBHOOKS}/entities/Stock/milk?op=add", json=1).status_code == 202


def test_what_no_worker_has_stays_pending(teams, http):
    """An orchestrator that no app has stays Pending."""
    stores, sales = teams
    started = http.post(f"{sales}{WEBHOOKS}/orchestrators/nobody").json()["id"]
    assert http.post(f"{stores}{WEBHOOKS}/orchestrators/pack?{START_AND_WAIT}", json=1).json() == 2
    assert status_of(http, sales, started)["runtimeStatus"] == "Pending"


def test_a_disabled_activity_waits(teams, http, wait_until):
    """With filtering, work of a disabled activity stays scheduled: neither done nor failed."""
    stores, sales = teams
    started = http.post(f"{sales}{WEBHOOKS}/orchestrators/haggle").json()["id"]
    wait_until(lambda: status_of(http, sales, started)["runtimeStatus"] == "Running", "the first turn")
    assert http.post(f"{stores}{WEBHOOKS}/orchestrators/pack?{START_AND_WAIT}", json=1).json() == 2
    assert status_of(http, sales, started)["runtimeStatus"] == "Running"
