"""Durable entities: signalled, called, read, failing, company, and gone."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

ENTITIES = "/runtime/webhooks/durabletask/entities"


def step(key, op, value=None, *, entity="Tally", signal=False):
    return {"entity": entity, "key": key, "op": op, "input": value, "signal": signal}


@pytest.fixture
def wait_for_state(sdk, wait_until):
    """Return a wait for an entity to have a state: signals say nothing when they have been processed."""

    def wait(entity, key, state):
        wait_until(lambda: sdk.entity(entity, key) == {"exists": True, "state": state}, f"{entity} {key} to be {state}")

    return wait


def test_an_entity_that_never_was_does_not_exist(sdk, key):
    """Reading an entity that was never used shows that it does not exist."""
    assert sdk.entity("Tally", key) == {"exists": False, "state": None}


def test_a_client_signals_and_reads(sdk, key, wait_for_state):
    """A client's signals change the entity's state, which a client can read."""
    sdk.signal("Tally", key, "add", 5)
    sdk.signal("Tally", key, "add", 2)
    wait_for_state("Tally", key, 7)


def test_signals_from_many_callers_are_all_counted(sdk, key, wait_for_state):
    """Operations on one entity run one at a time: forty concurrent signals add up exactly."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: sdk.signal("Tally", key, "add", n), range(1, 41)))
    wait_for_state("Tally", key, 820)


def test_an_orchestrator_calls_and_gets_results(features, key):
    """call_entity gives the operation's result, and state survives from one call to the next."""
    calls = [step(key, "add", 5), step(key, "add", 2), step(key, "get")]
    assert features.output_of("use_entity", calls) == [5, 7, 7]


def test_state_survives_between_orchestrations(features, key):
    """A second orchestration finds the state that the first one left."""
    features.output_of("use_entity", [step(key, "add", 5)])
    assert features.output_of("use_entity", [step(key, "get")]) == [5]


def test_an_orchestrator_signals_before_it_calls(features, key):
    """Signals of an orchestrator are processed before the call it makes after them."""
    steps = [step(key, "add", 5, signal=True), step(key, "add", 1, signal=True), step(key, "get")]
    assert features.output_of("use_entity", steps) == [6]


@pytest.mark.parametrize("same", [True, False])
def test_two_calls_at_once(features, key, same):
    """Two calls in task_all are both answered, in order, for one entity or two, and the next task is not shifted."""
    keys = [key, key if same else f"{key}-other"]
    assert features.output_of("entity_calls_at_once", keys) == [[5, 10 if same else 5], "after"]


def test_an_operation_that_raises(features, key):
    """A failing operation raises in the caller with its text; the entity keeps its state and serves the next call."""
    output = features.output_of("entity_error_caught", key)
    assert "tally refuses this" in output["caught"]
    assert output["still"] == 1


def test_an_entity_destructs(features, sdk, key):
    """destruct_on_exit removes the entity: it does not exist any more, and begins again when it is used again."""
    assert features.output_of("use_entity", [step(key, "add", 5), step(key, "delete"), step(key, "get")]) == [
        5,
        None,
        0,
    ]
    features.output_of("use_entity", [step(key, "delete")])
    assert sdk.entity("Tally", key)["exists"] is False


def test_an_entity_keeps_a_custom_class(features, key):
    """State of a class with to_json and from_json is kept between operations."""
    move = step(key, "move", [2, 3], entity="place")
    assert features.output_of("use_entity", [move, move, step(key, "where", entity="place")]) == [None, None, [4, 6]]


def test_an_entity_knows_its_name_and_key(features, key):
    """entity_name is lower case, entity_key is as given."""
    mixed = f"{key}-Mixed"
    assert features.output_of("use_entity", [step(mixed, "whoami", entity="RECORDER")]) == [["recorder", mixed]]


@pytest.mark.parametrize("value", ["text", 7, [1, 2], {"a": None}, "žito 🐎"])
def test_inputs_arrive_as_values(features, sdk, key, wait_for_state, value):
    """An operation gets the same value whether a client signals it or an orchestrator calls it."""
    sdk.signal("recorder", key, "record", value)
    wait_for_state("recorder", key, [value])
    features.output_of("use_entity", [step(key, "record", value, entity="recorder")])
    wait_for_state("recorder", key, [value, value])


@pytest.mark.sdk1
@pytest.mark.parametrize("value", [0, "", False, []])
def test_falsy_inputs_of_client_signals_arrive_as_none(sdk, key, wait_for_state, value):
    """SDK 1.7 sends no body for a falsy signal input, so the operation gets None."""
    sdk.signal("recorder", key, "record", value)
    wait_for_state("recorder", key, [None])


def test_falsy_inputs_of_calls_arrive(features, sdk, key):
    """An orchestrator's falsy inputs arrive as they are."""
    values = [0, "", False, []]
    features.output_of("use_entity", [step(key, "record", value, entity="recorder") for value in values])
    assert sdk.entity("recorder", key)["state"] == values


def test_an_entity_is_reached_over_http(features, key, wait_for_state):
    """The webhook signals with a JSON body and an op, and reads the raw state, whatever the case of the name."""
    answer = features.post(f"{ENTITIES}/TALLY/{key}", params={"op": "add"}, json=5)
    assert (answer.status_code, answer.content) == (202, b"")
    wait_for_state("Tally", key, 5)
    read = features.get(f"{ENTITIES}/tally/{key}")
    assert (read.status_code, read.json()) == (200, 5)


def test_a_plain_text_signal_is_a_string(features, key, wait_for_state):
    """A body that is not JSON by its content type is passed to the operation as a string."""
    features.post(
        f"{ENTITIES}/recorder/{key}", params={"op": "record"}, data=b"5", headers={"Content-Type": "text/plain"}
    )
    wait_for_state("recorder", key, ["5"])


def test_delete_over_http_signals_delete(features, sdk, key, wait_for_state, wait_until):
    """DELETE on an entity signals the operation delete."""
    sdk.signal("Tally", key, "add", 5)
    wait_for_state("Tally", key, 5)
    assert features.delete(f"{ENTITIES}/tally/{key}").status_code == 202
    wait_until(lambda: not sdk.entity("Tally", key)["exists"], "the entity to be gone")


@pytest.mark.parametrize(
    ("name", "body", "content_type"),
    [("no_such_entity", b"5", "application/json"), ("tally", b"{", "application/json")],
    ids=["unknown entity", "malformed JSON"],
)
def test_a_bad_signal_is_refused(features, key, name, body, content_type):
    """An unknown entity name and malformed JSON are refused with 400 and a Message alone."""
    answer = features.post(
        f"{ENTITIES}/{name}/{key}", params={"op": "x"}, data=body, headers={"Content-Type": content_type}
    )
    assert (answer.status_code, list(answer.json())) == (400, ["Message"])


def test_an_unknown_key_reads_404(features, key):
    """Reading an entity without state over HTTP is 404 with an empty body."""
    answer = features.get(f"{ENTITIES}/tally/{key}")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(("fetch", "state"), [("true", 5), ("false", None)])
def test_entities_are_listed(features, key, fetch, state):
    """The list of a name's entities has id and time of each, and its state only when asked."""
    features.output_of("use_entity", [step(key, "add", 5)])
    listed = features.get(f"{ENTITIES}/tally", params={"fetchState": fetch, "top": 1000})
    assert "x-ms-continuation-token" in listed.headers
    mine = next(item for item in listed.json() if item["entityId"]["key"] == key)
    assert mine["entityId"] == {"name": "tally", "key": key}
    assert json.dumps(mine["state"]) == json.dumps(state)
    assert mine["lastOperationTime"]
