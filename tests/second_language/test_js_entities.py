"""Entities of the JavaScript SDK: operations, state, locks, delays, what they start, lists and upkeep."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from js_room import JsError, date, output_of, until


@pytest.fixture(autouse=True)
def worker(js):
    """Run a worker with all functions."""
    return js.work()


def test_signals_are_done_in_order(js):
    """Twenty signals of one client are done, each once, and the state is their sum."""
    for number in range(20):
        js.signal("k", "add", number)
    until(lambda: js.total("k") == sum(range(20)))


def test_entities_are_independent(js):
    """Each key is an entity of its own."""
    js.signal("a", "add", 1)
    js.signal("b", "add", 2)
    until(lambda: [js.total(key) for key in ("a", "b")] == [1, 2])


def test_an_entity_without_state_is_unknown(js):
    """An entity without state is undefined."""
    assert js.entity("unknown") is None


def test_names_of_entities_have_no_case(js):
    """An entity is the same whatever the case of its name, unlike its key."""
    js.signal("k", "add", 1, name="COUNTER")
    assert until(lambda: js.entity("k", "counter"))["state"] == {"total": 1}
    assert js.entity("K") is None


def test_an_orchestration_calls_an_entity(js):
    """Calls return what the operation returned, one after the other."""
    assert js.output("addUp", {"key": "k", "numbers": [1, 2, 3]}) == 6
    assert js.total("k") == 6


def test_an_orchestration_signals_an_entity(js):
    """A signal of an orchestrator is done before a call that it makes later."""
    assert js.output("signalled", "k") == 5


def test_a_failed_operation_is_a_failure_of_its_call(js):
    """What an operation throws arrives at its caller, and the state is as it was before."""
    js.signal("k", "add", 3)
    name, message = js.output("refused", "k")
    assert (name, "not today" in message) == ("EntityOperationFailedException", True)
    assert js.total("k") == 3


def test_a_lock_makes_a_transfer_whole(js):
    """Two entities are locked together, called and released."""
    assert js.output("transfer", ["a", "b"]) == [True, 10]
    assert [js.total("a"), js.total("b")] == [-10, 10]
    assert [js.entity(key).get("lockedBy") for key in ("a", "b")] == [None, None]


def test_transfers_side_by_side_do_not_block_each_other(js):
    """Orchestrations that lock the same entities in both orders all end."""
    started = [js.start("transfer", keys) for keys in (["a", "b"], ["b", "a"]) * 5]
    assert all(output_of(js.wait(each))[0] for each in started)
    assert [js.total("a"), js.total("b")] == [0, 0]


def test_a_locked_entity_names_its_holder(js):
    """While an orchestration holds a lock, the entity names it, and signals wait."""
    js.signal("k", "add", 1)
    until(lambda: js.total("k") == 1)
    holder = js.start("hold", "k")
    until(lambda: js.state(holder).get("serializedCustomStatus"))
    js.signal("k", "add", 1)
    assert (js.entity("k")["lockedBy"], js.total("k")) == (holder, 1)
    js.raise_event(holder)
    until(lambda: js.total("k") == 2)


def test_a_terminated_holder_frees_its_lock(js):
    """The end of an orchestration that holds a lock frees it."""
    holder = js.start("hold", "k")
    until(lambda: js.state(holder).get("serializedCustomStatus"))
    js.call("terminateOrchestration", holder, None)
    assert js.output("addUp", {"key": "k", "numbers": [4]}) == 4


def test_a_signal_waits_for_its_time(js):
    """A signal with a time is done no sooner."""
    due = datetime.now(UTC) + timedelta(seconds=0.4)
    js.signal("k", "add", 1, signalTime=date(due))
    until(lambda: js.total("k") == 1)
    assert datetime.now(UTC) >= due


def test_an_entity_signals_another(js):
    """What an operation signals is done by the other entity."""
    js.signal("a", "add", 4)
    js.signal("a", "forward", "b")
    until(lambda: js.total("b") == 4)


def test_an_entity_starts_an_orchestration(js):
    """What an operation starts runs under the id that it gave."""
    js.signal("k", "begin", "begun")
    until(lambda: js.state("begun"))
    assert output_of(js.wait("begun")) == "from an entity"


def test_a_deleted_entity_is_unknown(js):
    """An entity that deleted its state is undefined, and begins again with the next operation."""
    js.signal("k", "add", 4)
    until(lambda: js.total("k") == 4)
    js.signal("k", "delete")
    until(lambda: js.entity("k") is None)
    assert js.output("addUp", {"key": "k", "numbers": [1]}) == 1


@pytest.fixture
def counters(js):
    """Return a hub with five counters."""
    for number in range(5):
        js.signal(f"c{number}", "add", number)
    until(lambda: [js.total(f"c{number}") for number in range(5)] == list(range(5)))
    return js


def test_a_list_by_name_and_key(counters):
    """Entities are listed by the beginning of their ids, with their states."""
    found = counters.call("getEntities", {"instanceIdStartsWith": "@Counter@c"})["items"]
    assert {entity["id"]: entity["state"]["total"] for entity in found} == {f"@counter@c{n}": n for n in range(5)}
    assert counters.call("getEntities", {"instanceIdStartsWith": "@counter@d"})["items"] == []


def test_a_list_in_pages_without_states(counters):
    """A list has pages of the size asked for, and leaves states out if asked."""
    found = counters.call("getEntities", {"pageSize": 2, "includeState": False})
    assert [count for count in found["pages"] if count] == [2, 2, 1]
    assert not any(entity["includesState"] for entity in found["items"])


def test_a_list_by_time(counters):
    """Entities are listed by when they last changed."""
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert counters.call("getEntities", {"lastModifiedFrom": date(later)})["items"] == []
    assert len(counters.call("getEntities", {"lastModifiedTo": date(later)})["items"]) == 5


def test_cleaning_counts_nothing(counters):
    """Cleaning answers 0, as the service does, and leaves what has a state."""
    counters.signal("c0", "delete")
    until(lambda: counters.entity("c0") is None)
    assert counters.call("cleanEntityStorage") == {"emptyEntitiesRemoved": 0, "orphanedLocksReleased": 0}
    assert len(counters.call("getEntities", {"includeTransient": True})["items"]) == 4


def test_ids_of_entities_have_a_limit(js):
    """An entity's id has at most 100 characters as a whole, else a signal is INVALID_ARGUMENT."""
    js.signal("k" * 91, "add", 1)
    with pytest.raises(JsError, match="101 characters; expected at most 100") as caught:
        js.signal("k" * 92, "add", 1)
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
