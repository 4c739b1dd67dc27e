"""When operations ran and what they cost, asked of the host over HTTP, on each kind of scheduler."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from durabletask.testing import create_test_backend

from durable_harness.host.work.remote import GrpcScheduler
from durable_harness.host.work.remote_measuring import HistoryMeasuring
from durable_harness.network.free_ports import free_port
from durable_harness.settings import parse_connection_string
from durable_harness.stack import embedded_stack

APP = Path(__file__).parents[3] / "apps" / "measured"
ENDPOINT = "/admin/durable-harness/operations"
WEBHOOKS = "/runtime/webhooks/durabletask"


@pytest.fixture(params=["embedded", "file", "remote"])
def app(request, running_apps, tmp_path_factory):
    """Return the client of the measured app, on each kind of scheduler."""
    options = ()
    if request.param == "file":
        options = ("--data", str(tmp_path_factory.getbasetemp() / "measured.db"))
    elif request.param == "remote":
        options = ("--scheduler", request.getfixturevalue("our_scheduler"))
    return running_apps(APP, options)


@pytest.fixture
def embedded(running_apps):
    """Return the client of the measured app on the embedded scheduler."""
    return running_apps(APP)


def measured(client, instance_id):
    answer = client.post(ENDPOINT, json={"ids": [instance_id]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["measuredBy"] == "durable-harness"
    return answer.json()["operations"][instance_id]


def costs_of(client, orchestrator, value):
    """Run an operation to its end and return its costs."""
    instance_id = client.start(orchestrator, value)
    client.wait_terminal(instance_id)
    return measured(client, instance_id)["costs"]


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_a_chain_of_n_activities_is_one_action_and_two_for_each(app, count):
    """An app of n activities in a row dispatches 1 + 2n actions; replays and bytes are exact as well."""
    costs = costs_of(app, "chain", count)
    assert costs["actions"] == {"orchestration": 1, "activity": count, "result": count}
    assert sum(costs["actions"].values()) == 1 + 2 * count
    texts = [str(count), *(str(n) for n in range(count)), *(str(2 * n) for n in range(count))]
    assert costs["payloadBytes"] == sum(map(len, texts))
    assert costs["replayedEvents"] == sum(3 * turn for turn in range(count + 1))


def test_a_fan_out_of_ten_is_21_actions_and_one_for_its_timer(app):
    """The actions of a fan-out do not depend on how its results come."""
    assert {tuple(costs_of(app, "fan_out", 10)["actions"].items()) for _ in range(3)} == {
        (("orchestration", 1), ("activity", 10), ("timer", 1), ("result", 10))
    }


@pytest.mark.sdk1
@pytest.mark.parametrize(
    ("orchestrator", "value", "actions"),
    [
        ("ticks", 3, {"orchestration": 1, "timer": 3}),
        ("family", [1, 2, 5], {"orchestration": 4, "activity": 8, "result": 11}),
        (
            "retried",
            3,
            {"orchestration": 1, "activity": 3, "timer": 3, "result": 3},
        ),  # the SDK waits after the last, too
    ],
)
def test_the_actions_of_other_shapes(app, orchestrator, value, actions):
    """Timers, sub-orchestrations and retries cost what their messages are."""
    assert costs_of(app, orchestrator, value)["actions"] == actions


def test_entity_operations_are_actions(app, key):
    """A signal is one action, a call and its result are two."""
    assert costs_of(app, "ledger", key)["actions"] == {"orchestration": 1, "entity": 2, "result": 1}


def test_an_event_is_an_action_and_its_payload_counts(app):
    """An external event is one action; its bytes count, and again in the output that repeats it."""
    instance_id = app.start("approval", None)
    app.raise_event(instance_id, "approved", "by hand")
    app.wait_terminal(instance_id)
    costs = measured(app, instance_id)["costs"]
    assert costs["actions"] == {"orchestration": 1, "event": 1}
    assert costs["payloadBytes"] == len("null") + 2 * len('"by hand"')


def test_all_executions_of_continue_as_new_count(app):
    """Each execution costs its start and its activity, and the first one's beginning is that of the operation."""
    instance_id = app.start("rounds", 2)
    app.wait_terminal(instance_id)
    found = measured(app, instance_id)
    assert found["costs"]["actions"] == {"orchestration": 3, "activity": 3, "result": 3}
    assert found["createdNs"] < found["begunNs"] < found["endedNs"]


def test_histories_over_grpc_show_what_was_counted(running_apps, our_scheduler, key):
    """What a host reads from states and histories is what our scheduler counted, but for continue-as-new."""
    client = running_apps(APP, ("--scheduler", our_scheduler))
    stories = {"chain": 5, "fan_out": 10, "ticks": 2, "family": [1, 2], "ledger": key, "retried": 2, "rounds": 1}
    ids = {story: client.start(story, value) for story, value in stories.items()}
    ids["approval"] = client.start("approval", None)
    client.raise_event(ids["approval"], "approved", "by hand")
    for instance_id in ids.values():
        client.wait_terminal(instance_id)

    async def ask():
        scheduler = GrpcScheduler(parse_connection_string(our_scheduler, where="test", key="scheduler"), "default")
        counted = await scheduler.measure_instances(list(ids.values()))
        read = await HistoryMeasuring(scheduler).measure(list(ids.values()))
        await scheduler.close()
        return counted, read

    counted, read = asyncio.run(ask())
    renewed = ids.pop("rounds")
    assert (read[renewed].begun_ns, read[renewed].costs) == (None, None)
    assert {story: read[instance_id] for story, instance_id in ids.items()} == {
        story: counted[instance_id] for story, instance_id in ids.items()
    }
    assert all(counted[instance_id].costs is not None for instance_id in ids.values())


def test_without_stamped_starts_costs_are_unknown(running_apps):
    """Without the time of its start an execution may be a later one, as with durabletask's in-memory backend."""
    port = free_port()
    backend = create_test_backend(port=port)
    try:
        client = running_apps(APP, ("--scheduler", f"Endpoint=http://localhost:{port};Authentication=None"))
        instance_id = client.start("chain", 5)
        client.wait_terminal(instance_id)
        found = measured(client, instance_id)
        assert (found["begunNs"], found["costs"]) == (None, None)
        assert found["createdNs"] <= found["endedNs"]
    finally:
        backend.stop()


def test_times_are_those_of_the_history(app):
    """The server's times and the history of the same instance agree to the microsecond that the history shows."""
    instance_id = app.start("chain", 2)
    app.wait_terminal(instance_id)
    query = {"showHistory": "true"}
    history = app.get(f"{WEBHOOKS}/instances/{instance_id}", params=query).json()["historyEvents"]
    found = measured(app, instance_id)
    assert found["createdNs"] <= found["begunNs"] <= found["endedNs"]
    assert abs(found["endedNs"] - _ns(history[-1]["Timestamp"])) <= 1000
    assert abs(found["createdNs"] - _ns(history[0]["Timestamp"])) <= 1000


def _ns(stamp):
    return int(datetime.fromisoformat(stamp).timestamp() * 1_000_000) * 1000


def test_what_runs_has_no_end_and_unknown_ids_are_left_out(app):
    """An operation that waits has begun; nothing else is known of it. An id that is unknown has no entry."""
    instance_id = app.start("approval", None)
    app.wait_for(instance_id, "Running")
    answer = app.post(ENDPOINT, json={"ids": [instance_id, "nobody"]}).json()
    assert list(answer["operations"]) == [instance_id]
    found = answer["operations"][instance_id]
    assert found["createdNs"] <= found["begunNs"]
    assert (found["endedNs"], found["costs"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "not a list of texts"),
        (b'{"ids": "one"}', "not a list of texts"),
        (b'{"ids": [1]}', "not a list of texts"),
        (b'{"ids": []}', "has 0 items"),
        (b'{"ids": [' + b'"a",' * 1000 + b'"a"]}', "has 1001 items"),
    ],
)
def test_a_body_that_names_no_instances_is_refused_in_words(embedded, body, message):
    """A wrong body is a 400 that says what is expected."""
    answer = embedded.post(ENDPOINT, data=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert "1 to 1000 instance ids" in answer.json()["error"]


def test_a_thousand_ids_of_any_form_are_answered(embedded):
    """A request may name a thousand ids, also ones that no instance can have."""
    instance_id = embedded.start("chain", 1)
    ids = [instance_id, "@x@y", "", "\ud800", *(f"nobody-{n}" for n in range(996))]
    answer = embedded.post(ENDPOINT, json={"ids": ids})
    assert (answer.status_code, list(answer.json()["operations"])) == (200, [instance_id])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_find_nothing(embedded, method):
    """The endpoint is for POST only."""
    assert embedded.request(method, ENDPOINT).status_code == 404


def test_the_endpoint_needs_the_host_key_where_one_is_checked(running_apps):
    """With keys on, a request without the key is refused like other admin requests."""
    client = running_apps(APP, ("--enableAuth",))
    assert client.post(ENDPOINT, json={"ids": ["a"]}).status_code == 401
    key = {"x-functions-key": client.stack.function_key}
    assert client.post(ENDPOINT, json={"ids": ["a"]}, headers=key).status_code == 200


def test_a_restarted_host_still_knows_what_its_operations_cost(tmp_path, client_of):
    """With --data, times and costs outlive the process, also of an operation that continued in the next one."""
    arguments = ("--data", str(tmp_path / "hub.db"))
    with embedded_stack(APP, serve_args=arguments) as stack:
        client = client_of(stack)
        ended = client.start("chain", 5)
        client.wait_terminal(ended)
        before = measured(client, ended)
        waiting = client.start("approval", None)
        client.wait_for(waiting, "Running")
        begun = measured(client, waiting)["begunNs"]
    with embedded_stack(APP, serve_args=arguments) as stack:
        client = client_of(stack)
        assert measured(client, ended) == before
        client.raise_event(waiting, "approved", 1)
        client.wait_terminal(waiting)
        after = measured(client, waiting)
    assert after["begunNs"] == begun
    assert after["costs"]["actions"] == {"orchestration": 1, "event": 1}


def test_modelled_times_are_left_out(running_apps):
    """Where time is skipped, times are no measurements and are left out; the costs are exact anyway."""
    client = running_apps(APP, ("--time", "skip"))
    instance_id = client.start("ticks", 2)
    client.wait_terminal(instance_id)
    found = measured(client, instance_id)
    assert (found["createdNs"], found["begunNs"], found["endedNs"]) == (None, None, None)
    assert found["costs"]["actions"] == {"orchestration": 1, "timer": 2}
