"""An orchestrator's context: status, ids, clock, replay, version; and what becomes of what it returns or raises."""

import itertools
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

MEGABYTE = 1024 * 1024
WEBHOOKS = "/runtime/webhooks/durabletask"
STATUSES = {
    "text": "packing",
    "object": {"stage": "packing", "parts": [1, 2]},
    "list": [1, "two"],
    "number": 7,
    "unicode": "balení 🐎",
}


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_custom_status_is_seen_while_running_and_after(features, wait_until, status):
    """A custom status of any JSON type is shown while the instance waits, and still when it has ended."""
    instance_id = features.sdk_start("status_then_event", status)
    wait_until(lambda: features.status(instance_id)["customStatus"] == status, "the custom status")
    features.raise_event(instance_id, "go", None)
    assert features.wait_terminal(instance_id)["customStatus"] == status


def test_the_last_custom_status_wins(features):
    """Statuses set one after the other replace each other."""
    assert features.run("statuses_in_turn", ["a", {"b": 1}, "c"])["customStatus"] == "c"


def test_replay_runs_each_new_step_once(features, sdk, key):
    """Guarded by is_replaying, every step happens once, however often the code before it is replayed."""
    features.output_of("replay_log", instance_id=key)
    assert sdk.probe(key)["notes"] == ["first", "second", "third", "end"]


def test_an_event_of_the_time_of_suspension_is_not_a_replay(features, sdk, key):
    """Code that runs for an event which came during a suspension runs for the first time: is_replaying is false."""
    features.sdk_start("note_after_event", instance_id=key)
    features.wait_for(key, "Running")
    features.operate(key, "suspend")
    features.wait_for(key, "Suspended")
    features.raise_event(key, "go", None)
    features.operate(key, "resume")
    assert features.wait_terminal(key)["runtimeStatus"] == "Completed"
    assert sdk.probe(key)["notes"] == ["event came"]


def test_made_ids_and_clock_are_the_same_in_every_replay(features):
    """new_guid, new_uuid and current_utc_datetime give the same values after replays as before."""
    assert features.output_of("ids_and_clock")["same_in_activity"] is True


def test_made_ids_are_uuids_and_differ(features):
    """Each call of new_guid and new_uuid makes another name-based UUID, in one instance and between instances."""
    made = features.output_of("ids_and_clock")["made"] + features.output_of("ids_and_clock")["made"]
    assert [uuid.UUID(id_).version for id_ in made] == [5] * 8
    assert len(set(made)) == 8


def test_the_clock_is_utc_and_goes_forward(features):
    """current_utc_datetime carries a UTC zone, agrees with the wall clock and grows from turn to turn."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    output = features.output_of("ids_and_clock")
    started, later = datetime.fromisoformat(output["started"]), datetime.fromisoformat(output["later"])
    assert output["offset"] == "0:00:00"
    assert before < started < later < datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.sdk1
@pytest.mark.parametrize("value", [None, 0, "", "text", "7", [1], {"a": 1}, "🐎"])
def test_input_given_by_the_sdk(features, value):
    """start_new's input arrives as the value; the status shows it as JSON text, because the SDK encodes it twice."""
    status = features.run("who_am_i", value)
    assert status["output"]["input"] == value
    assert status["input"] == (None if value is None else json.dumps(value))


@pytest.mark.parametrize("value", [0, "", [1], {"a": 1}, "text"])
def test_input_given_over_http(features, value):
    """The webhook's JSON body arrives as the value, and the status shows the value itself."""
    status = features.wait_terminal(features.start("who_am_i", value))
    assert status["output"]["input"] == value
    assert status["input"] == value


def test_no_input_is_none(features):
    """An instance started without a body has None for input, by either way."""
    for instance_id in (features.start("who_am_i"), features.sdk_start("who_am_i")):
        status = features.wait_terminal(instance_id)
        assert (status["input"], status["output"]["input"]) == (None, None)


def test_input_type_of_the_decorator(features):
    """An orchestrator that declares its input type gets an instance of it."""
    envelope = {"__class__": "Point", "__module__": "shapes", "__data__": {"x": 1, "y": 2}}
    assert features.output_of("typed_input", envelope) == {"type": "Point", "at": [1, 2]}


@pytest.mark.sdk1
@pytest.mark.parametrize(("asked", "version"), [({}, "2.0.0"), ({"version": "1.5.0"}, "1.5.0")])
def test_version(features, asked, version):
    """context.version is start_new's version, else the defaultVersion of host.json; the status shows it too."""
    status = features.run("who_am_i", **asked)
    assert status["output"]["version"] == version
    assert status["version"] == version


def test_version_asked_over_http(features):
    """The webhook's version parameter becomes the instance's version."""
    status = features.wait_terminal(features.start("who_am_i", version="1.6.0"))
    assert status["output"]["version"] == "1.6.0"


def test_an_orchestrator_need_not_be_a_generator(features, key):
    """A plain function that returns is a complete orchestrator."""
    assert features.output_of("who_am_i", instance_id=key)["instance_id"] == key


@pytest.mark.sdk1
@pytest.mark.parametrize(
    ("orchestrator", "text"),
    [
        pytest.param("returns_unserialisable", "not JSON serializable", id="returns what is not JSON"),
        pytest.param("sets_unserialisable_status", "sets_unserialisable_status", id="sets a status that is not JSON"),
        pytest.param("raises", "příliš zima\n🐎", id="raises"),
        pytest.param("raises_at_once", "příliš zima\n🐎", id="raises before its first task"),
        pytest.param("raises_without_text", "Orchestrator function 'raises_without_text' failed", id="without text"),
        pytest.param("yields_a_number", "yields_a_number", id="yields what is not a task"),
    ],
)
def test_an_orchestrator_that_cannot_continue_fails(features, orchestrator, text):
    """The instance ends Failed with a text that shows why, free of the SDK's internal markers; the host lives on."""
    status = features.wait_terminal(features.sdk_start(orchestrator, "příliš zima\n🐎"), deadline_s=5)
    assert status["runtimeStatus"] == "Failed"
    assert text in status["output"]
    assert "$OutOfProcData$" not in status["output"]
    assert features.output_of("who_am_i", "alive")["input"] == "alive"


@pytest.fixture
def unlimited(running_apps):
    """Return the client of the features app on a scheduler that takes payloads of any size."""
    return running_apps(Path(__file__).parents[3] / "apps" / "features", ("--max-payload-bytes", "0"))


def test_a_payload_over_the_services_limit_is_refused(features):
    """More than 1 MB is refused as the service refuses it, with the size and the limit; nothing is started."""
    answer = features.post(f"{WEBHOOKS}/orchestrators/who_am_i", data=json.dumps("x" * MEGABYTE * 2))
    assert answer.status_code == 400
    assert "1048576" in answer.json()["ExceptionMessage"]


def test_a_result_over_the_services_limit_fails_the_instance(features):
    """An activity whose result is over the limit fails, and with it the orchestration, instead of getting stuck."""
    status = features.run("relay", {"activity": "blow_up", "value": 2 * MEGABYTE})
    assert status["runtimeStatus"] == "Failed"
    assert "1048576" in status["output"]


@pytest.mark.parametrize("letter", ["x", "ř"])
def test_a_megabyte_goes_through(unlimited, letter):
    """A payload of one megabyte survives as input, to an activity, back, as output and in the status."""
    payload = letter * MEGABYTE
    assert unlimited.output_of("relay", {"activity": "echo", "value": payload}) == payload


def test_a_megabyte_event_goes_through(unlimited):
    """An event of one megabyte arrives whole."""
    instance_id = unlimited.start("wait_once")
    unlimited.raise_event(instance_id, "go", "x" * MEGABYTE)
    assert unlimited.wait_terminal(instance_id)["output"]["value"] == "x" * MEGABYTE


def test_unicode_everywhere(features):
    """Keys and values outside ASCII come back as they were given, and so does an id of all signs that one may have."""
    instance_id = f" !\"$%&'()*+,-.:;<=>@[]^_`{{|}}~-{uuid.uuid4().hex}"
    value = {"ключ": ["馬", "\u0000", "e\u0301", "\U0001f40e"]}
    status = features.run("who_am_i", value, instance_id)
    assert status["instanceId"] == instance_id
    assert status["output"]["instance_id"] == instance_id
    assert status["output"]["input"] == value


def test_300_at_once_all_complete_with_their_own_output(features, wait_until, key):
    """Three hundred instances started together all complete, each with its own answer."""
    requests = {f"{key}-{n}": {"activity": "double", "value": n} for n in range(300)}
    with ThreadPoolExecutor(16) as pool:
        started = list(pool.map(features.sdk_start, itertools.repeat("relay"), requests.values(), requests))
    assert started == list(requests)
    query = {"instanceIdPrefix": f"{key}-", "runtimeStatus": "Completed"}
    wait_until(lambda: len(features.statuses(**query)) == 300, "300 completed instances", 30)
    outputs = {status["instanceId"]: status["output"] for status in features.statuses(**query)}
    assert outputs == {id_: 2 * request["value"] for id_, request in requests.items()}
