"""Activities: what goes in, what comes back, where they run, how they fail."""

import pytest

VALUES = {
    "text": "Tokyo",
    "empty text": "",
    "text that is JSON": '{"a": 1}',
    "number": 7,
    "zero": 0,
    "fraction": 0.1,
    "big number": 2**60,
    "true": True,
    "false": False,
    "list": [1, "two", None, [3]],
    "empty list": [],
    "object": {"a": {"b": [1, 2]}, "": None},
    "empty object": {},
    "null": None,
    "unicode": "žluťoučký кінь 馬 🐎 \u0000 \u2028",
}


@pytest.mark.parametrize("activity", ["echo", "echo_async"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_json_value_survives_the_way_to_an_activity_and_back(features, activity, value):
    """What an orchestrator sends is what a sync or async activity gets, and what it returns comes back unchanged."""
    assert features.output_of("relay", {"activity": activity, "value": value}) == value


@pytest.mark.parametrize(
    ("value", "name"), [("Tokyo", "str"), (7, "int"), ([1], "list"), ({"a": 1}, "dict"), (None, "NoneType")]
)
def test_an_activity_gets_python_values(features, value, name):
    """An activity is called with the decoded value, not with its JSON text."""
    assert features.output_of("relay", {"activity": "type_name", "value": value}) == name


@pytest.mark.sdk1
@pytest.mark.parametrize("orchestrator", ["mirror_by_function", "mirror_by_name"])
def test_a_custom_class_travels_both_ways(features, orchestrator):
    """A class with to_json and from_json arrives as itself, whether the activity is named by function or by text."""
    assert features.output_of(orchestrator, [3, -4]) == {"type": "Point", "at": [-3, 4]}


def test_a_custom_class_of_the_script_file_travels_both_ways(features):
    """A class defined in function_app.py itself is found again when its values are decoded."""
    assert features.output_of("pay_twice", 250) == {"type": "Money", "cents": 500}


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        pytest.param("ECHO", "x", id="in another case"),
        pytest.param("renamed_activity", "renamed: x", id="by its function_name"),
        pytest.param("add_context", {"value": "x", "function": "add_context"}, id="that takes the context"),
    ],
)
def test_an_activity_is_found(features, activity, expected):
    """An activity is found by its registered name, in any case, and may ask for the invocation context."""
    assert features.output_of("relay", {"activity": activity, "value": "x"}) == expected


def test_an_activity_reads_the_local_settings(features):
    """Values of local.settings.json are environment variables of the app."""
    request = {"activity": "read_setting", "value": "FEATURES_GREETING"}
    assert features.output_of("relay", request) == "read from local.settings.json"


def test_sync_activities_run_side_by_side_off_the_main_thread(features, key):
    """Two sync activities that wait for each other both get on, so each has a thread of the pool."""
    output = features.output_of("relay_all", {"activity": "meet_in_threads", "values": [key, key]})
    assert output == [False, False]


def test_async_activities_share_one_event_loop(features, key):
    """Two async activities that wait for each other meet, on the same thread."""
    first, second = features.output_of("relay_all", {"activity": "meet_on_loop", "values": [key, key]})
    assert first == second


@pytest.mark.parametrize("activity", ["fail", "fail_async"])
def test_an_orchestrator_can_catch_an_activity_failure(features, activity):
    """A failing activity raises in the orchestrator, with the text the activity gave."""
    output = features.output_of("relay_caught", {"activity": activity, "value": "out of žito"})
    assert "out of žito" in output["caught"]


@pytest.mark.parametrize(
    ("activity", "text"),
    [
        pytest.param("fail", "out of paper", id="raises"),
        pytest.param("return_unserialisable", "json serializable", id="returns what is not JSON"),
        pytest.param("no_such_activity", "no_such_activity", id="does not exist"),
    ],
)
def test_an_uncaught_activity_failure_fails_the_instance(features, activity, text):
    """The instance ends Failed, its output shows why, and the host lives on."""
    status = features.run("relay", {"activity": activity, "value": "out of paper"})
    assert status["runtimeStatus"] == "Failed"
    assert text in status["output"]
    assert features.output_of("relay", {"activity": "echo", "value": "alive"}) == "alive"


@pytest.mark.sdk1
def test_the_failure_text_names_the_orchestrator(features):
    """The output of a failed instance begins with the orchestrator's name, as the extension writes it."""
    status = features.run("relay", {"activity": "fail", "value": "out of ink"})
    assert status["output"].startswith("Orchestrator function 'relay' failed: ")
