"""Apps of azure-functions-durable 2.x: orchestrators, activities, entities and clients as durabletask has them."""

import json

import grpc
import pytest
import requests
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf import empty_pb2

from durable_harness.protocol import pb
from durable_harness.stack import scheduler_process

pytestmark = pytest.mark.sdk2
WEBHOOKS = "/runtime/webhooks/durabletask"


@pytest.fixture(scope="module")
def scheduler_elsewhere():
    """Yield the connection string of a scheduler in another process."""
    with scheduler_process() as scheduler:
        yield f"Endpoint=http://{scheduler.grpc_address};Authentication=None;TaskHub=default"


@pytest.fixture(params=["embedded", "remote"])
def native(request, running_apps):
    """Return the client of the app, on the embedded scheduler and on one to which the host's endpoint is a proxy."""
    remote = ("--scheduler", request.getfixturevalue("scheduler_elsewhere")) if request.param == "remote" else ()
    return running_apps(request.config.rootpath / "tests" / "apps" / "native", remote)


def begin(native, name, value=None):
    """Start an orchestration by the app's asynchronous client; return its id."""
    answer = native.post(f"/api/begin/{name}", data=json.dumps(value))
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def output_of(native, name, value=None):
    """Start an orchestration by the app's asynchronous client; return its output."""
    ended = native.wait_terminal(begin(native, name, value))
    assert ended["runtimeStatus"] == "Completed", ended
    return ended["output"]


def call(native, method, instance_id, **arguments):
    return native.post(f"/api/client/{method}/{instance_id}", data=json.dumps(arguments))


@pytest.mark.parametrize(
    ("name", "value", "output"),
    [
        ("greet_all", ["Ada", "žito", ""], ["Hello Ada!", "Hello žito!", "Hello !"]),
        ("Renamed Orchestrator", 7, {"renamed": 7}),
        ("renamed orchestrator", [None], {"renamed": [None]}),
        ("counts_down", 5, "done"),
        ("retried", 2, 2),
        ("order", 3, "order 3"),
        ("looks_itself_up", None, "RUNNING"),
    ],
)
def test_orchestrators_run_to_their_output(native, name, value, output):
    """Fan-out, names of triggers, continue-as-new, retries, blueprints, activities with a client: all have outputs."""
    assert output_of(native, name, value) == output


def test_an_error_of_an_entity_is_logged_once(native, key):
    """The host's entry is the only one: it names the operation and begins with the app's own frame."""
    before = len(native.stack.log_path.read_text())
    assert "there is not so much" in output_of(native, "fails_an_entity", key)
    logged = native.stack.log_path.read_text()[before:]
    assert logged.count(" ERROR ") == logged.count("Entity 'Account.withdraw' failed: ValueError: there is not so") == 1
    assert "durabletask" not in logged


def test_the_synchronous_client_waits_for_an_output(native):
    """A plain function's client starts an orchestration and waits for its end over gRPC."""
    assert native.post("/api/run/greet_all", data='["Ada"]').json() == ["Hello Ada!"]


@pytest.mark.parametrize("name", ["plain_function", "parent"])
def test_instances_that_name_no_version_have_the_default_one(native, name):
    """The defaultVersion of host.json is given to what the SDK's client starts and to sub-orchestrations."""
    assert output_of(native, name, "v") == {"version": "1.5", "got": "v"}


def test_a_failure_has_the_type_and_the_text_of_the_error(native):
    """What an activity raises is known by its module, class and text, caught or not."""
    reported = output_of(native, "caught", "half ž")
    assert reported == {"type": "function_app.OddError", "message": "half ž"}
    ended = native.wait_terminal(begin(native, "raising", "too cold"))
    assert ended["runtimeStatus"] == "Failed"
    assert "too cold" in ended["output"]


def test_code_that_ends_the_process_fails_itself_only(native, key, wait_until):
    """SystemExit in an orchestrator or an entity fails that instance or operation, and the host continues."""
    ended = native.wait_terminal(begin(native, "leaves"))
    assert ended["runtimeStatus"] == "Failed"
    assert "SystemExit: no more" in ended["output"]
    for operation in ("leave", "keep"):
        native.post(f"{WEBHOOKS}/entities/last/{key}?op={operation}", json=1)
    assert state_of(native, key, wait_until) == 1


def test_an_unknown_orchestrator_fails_and_names_the_others(native):
    """An instance of an unknown orchestrator fails; its output names those that there are."""
    ended = native.wait_terminal(begin(native, "no_such_orchestrator"))
    assert ended["runtimeStatus"] == "Failed"
    assert "does not exist in this app. Known ones: " in ended["output"]
    assert "greet_all" in ended["output"]


def test_an_unknown_orchestrator_can_be_terminated(native, key):
    """Termination needs no code of the app."""
    native.post("/api/begin/waits", data='"never"')
    instance_id = begin(native, "waits", "never")
    native.wait_for(instance_id, "Running")
    assert native.operate(instance_id, "terminate", reason=key).status_code == 202
    assert native.wait_terminal(instance_id)["runtimeStatus"] == "Terminated"


def test_custom_status_and_input_are_plain_json(native):
    """What 2.x stores is JSON as it stands, not JSON within JSON."""
    ended = native.wait_terminal(begin(native, "greet_all", ["Ada"]))
    assert ended["customStatus"] == {"greeting": 1}
    assert ended["input"] == ["Ada"]


def test_events_by_client_webhook_and_orchestration(native):
    """An event ends a wait, whoever raised it."""
    by_client, by_webhook, by_other = (begin(native, "waits", "go") for _ in range(3))
    for instance_id in (by_client, by_webhook, by_other):
        native.wait_for(instance_id, "Running")
    assert call(native, "raise_orchestration_event", by_client, event_name="go", data={"n": 1}).status_code == 200
    native.raise_event(by_webhook, "go", [2])
    assert output_of(native, "sends", {"id": by_other, "event": "go", "data": "three"}) == "sent"
    ended = [native.wait_terminal(instance_id)["output"] for instance_id in (by_client, by_webhook, by_other)]
    assert ended == [{"n": 1}, [2], "three"]


def test_entities_are_functions_and_classes(native, key):
    """Signals, calls and locks reach both kinds of entities; names are found without regard to case."""
    assert output_of(native, "uses_entities", key) == {"total": 5, "balance": 5}
    assert native.get(f"{WEBHOOKS}/entities/account/{key}").json() == 5


def test_a_failed_entity_operation_keeps_the_state(native, key):
    """The caller gets the text; the entity's state stays what it was."""
    native.post(f"{WEBHOOKS}/entities/Account/{key}?op=deposit", json=3)
    assert "there is not so much" in output_of(native, "fails_an_entity", key.upper())
    assert output_of(native, "uses_entities", key)["balance"] == 8


def state_of(native, key, wait_until):
    """Wait until an entity exists; return its state."""
    url = f"{WEBHOOKS}/entities/last/{key}"
    wait_until(lambda: native.get(url).status_code == 200, "the entity")
    return native.get(url).json()


@pytest.mark.parametrize(("body", "kept"), [(b"4", 4), (b'"text"', "text")])
def test_signals_by_webhook(native, key, wait_until, body, kept):
    """A JSON body is the operation's input as it stands."""
    headers = {"Content-Type": "application/json"}
    native.post(f"{WEBHOOKS}/entities/last/{key}?op=keep", data=body, headers=headers)
    assert state_of(native, key, wait_until) == kept


def test_a_text_body_is_a_string(native, key, wait_until):
    """A signal's body that is not JSON arrives as the text that it is."""
    native.post(f"{WEBHOOKS}/entities/last/{key}?op=keep", data=b"5", headers={"Content-Type": "text/plain"})
    assert state_of(native, key, wait_until) == "5"


def test_the_client_does_not_purge_what_has_not_ended(native):
    """Purging an instance that still runs is an error for the client, and changes nothing."""
    instance_id = begin(native, "waits", "go")
    native.wait_for(instance_id, "Running")
    refused = call(native, "purge_orchestration", instance_id)
    assert (refused.status_code, "it is Running" in refused.text) == (409, True)
    assert native.status(instance_id)["runtimeStatus"] == "Running"
    assert "deleted_instance_count=0" in call(native, "purge_orchestration", "nobody").text


def test_the_client_manages_instances(native):
    """Suspend, resume, state, history, terminate, restart and purge go over gRPC."""
    instance_id = begin(native, "waits", "go")
    native.wait_for(instance_id, "Running")
    assert call(native, "suspend_orchestration", instance_id).status_code == 200
    native.wait_for(instance_id, "Suspended")
    assert call(native, "resume_orchestration", instance_id).status_code == 200
    native.wait_for(instance_id, "Running")
    assert "RUNNING" in call(native, "get_orchestration_state", instance_id).text
    assert "ExecutionStartedEvent" in call(native, "get_orchestration_history", instance_id).text
    assert call(native, "terminate_orchestration", instance_id, output="enough").status_code == 200
    assert native.wait_terminal(instance_id)["output"] == "enough"
    again = call(native, "restart_orchestration", instance_id, restart_with_new_instance_id=True).text
    native.wait_for(again, "Running")
    assert "deleted_instance_count=1" in call(native, "purge_orchestration", instance_id).text
    assert native.status(instance_id) is None


def test_a_failed_instance_is_rewound(native, key):
    """A rewind by the client does what failed again: here the retries of an activity that succeeds at last."""
    instance_id = begin(native, "fails_once", key)
    assert native.wait_terminal(instance_id)["runtimeStatus"] == "Failed"
    assert call(native, "rewind_orchestration", instance_id, reason="again").status_code == 200
    assert native.wait_for(instance_id, "Completed")["output"] == "second time"


def test_a_rewind_does_retries_again(native, key):
    """A rewind repeats an activity with all its attempts, as often as it is asked for, and nothing that succeeded."""
    instance_id = begin(native, "retries_fail_once", key)
    assert native.wait_terminal(instance_id)["runtimeStatus"] == "Failed"
    assert call(native, "rewind_orchestration", instance_id, reason="again").status_code == 200
    assert native.wait_for(instance_id, "Completed")["output"] == [3, 0]


@pytest.mark.parametrize("method", ["suspend_orchestration", "terminate_orchestration", "resume_orchestration"])
def test_an_unknown_instance_is_not_found(native, key, method):
    """The client's call fails with NOT_FOUND, and names the instance."""
    answer = call(native, method, key)
    assert answer.status_code == 409
    assert "NOT_FOUND" in answer.text
    assert key in answer.text


def test_a_client_of_another_task_hub_is_refused(native):
    """The endpoint answers for the hub of its host only, and names that hub."""
    answer = native.post("/api/elsewhere")
    assert answer.status_code == 409
    assert "Task hub not found: another. This host works for the task hub 'native'" in answer.text


def test_schedules_start_orchestrations(native, key, wait_until):
    """A schedule starts its orchestration again and again until it is deleted."""
    answer = native.post(f"/api/schedule/{key}", params={"every_s": 1})
    assert (answer.status_code, answer.text) == (200, "ACTIVE")

    def ticks():
        return [status for status in native.statuses() if status["name"] == "tick" and status["input"] == key]

    wait_until(lambda: len(ticks()) >= 2, "two ticks")
    assert native.delete(f"/api/schedule/{key}").text == "deleted"


def test_histories_are_exported(native):
    """An export job finds what has ended by the client of its activities, and writes each history."""
    instance_id = begin(native, "greet_all", ["Ada"])
    native.wait_terminal(instance_id)
    reported = native.post("/api/export").json()
    assert (reported["status"], reported["failed"]) == ("COMPLETED", 0)
    assert reported["exported"] >= 1
    assert instance_id in native.get("/api/exported").json()["exported"]


def test_large_payloads_travel_by_the_payload_store(native):
    """What is over the store's threshold is in the store, and in the scheduler only a reference to it."""
    ended = native.wait_terminal(begin(native, "carries", 5000))
    assert ended["runtimeStatus"] == "Completed", ended
    assert ended["output"].startswith("folder:")
    assert ended["output"].removeprefix("folder:") in native.get("/api/exported").json()["native-app-payloads"]
    assert native.post("/api/run/carries", data="10").json() == {"measured": 10, "text": "ž" * 10}


def test_durable_http_calls_are_the_sdks_own(native):
    """`call_http` is a built-in activity and orchestrator, which every app has."""
    reported = output_of(native, "asks_the_web", {"url": f"{native.stack.base_url}/admin/host/ping"})
    assert reported["status"] == 200


def test_the_grpc_endpoint_is_for_clients_only(native):
    """Whoever finds the port cannot take work from the host or answer it."""
    with grpc.insecure_channel(native.get("/api/endpoint").text.removeprefix("http://")) as channel:
        stub, metadata = TaskHubSidecarServiceStub(channel), [("taskhub", "native")]
        assert stub.Hello(empty_pb2.Empty(), metadata=metadata) == empty_pb2.Empty()
        with pytest.raises(grpc.RpcError) as taking:
            list(stub.GetWorkItems(pb.GetWorkItemsRequest(), metadata=metadata))
        with pytest.raises(grpc.RpcError) as answering:
            stub.CompleteActivityTask(pb.ActivityResponse(), metadata=metadata)
    assert [each.value.code() for each in (taking, answering)] == [grpc.StatusCode.UNIMPLEMENTED] * 2


def test_no_browser_can_speak_to_the_grpc_endpoint(native):
    """What a page can send in plain text is HTTP/1.1, and the endpoint ends such a connection without an answer."""
    url = native.get("/api/endpoint").text
    with pytest.raises(requests.exceptions.ConnectionError):
        native.session.post(f"{url}/TaskHubSidecarService/StartInstance", data=b"\0" * 5, timeout=10)
