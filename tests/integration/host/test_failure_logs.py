"""Failures in the host's log and in the status of instances: type, message, place, and the app's own frames."""

import json
import re
import time
from pathlib import Path

import pytest

from durable_harness.stack import embedded_stack

APPS = Path(__file__).parents[2] / "apps"
APP = APPS / "mishaps"
SOURCES = {name: (APP / name).read_text().splitlines() for name in ("function_app.py", "depot/scales.py")}
WEBHOOKS = "/runtime/webhooks/durabletask"
ENTRY = re.compile(r"^(?=\[\d{4}-\d\d-\d\d )", re.MULTILINE)


def place_of(code, file="function_app.py"):
    """Return the place of the one line of the app that begins with some code."""
    [number] = [number for number, line in enumerate(SOURCES[file], 1) if line.strip().startswith(code)]
    return f"{file}:{number}"


WEIGHS = place_of('return order["weight_kg"]', "depot/scales.py")


class Mishaps:
    """The app, and its log."""

    def __init__(self, client):
        self.client = client
        self.log = client.stack.log_path

    def run(self, orchestrator, value=None):
        """Run an orchestrator to its end; return its status and its ID."""
        url = f"{WEBHOOKS}/orchestrators/{orchestrator}"
        instance_id = self.client.post(url, json=value).json()["id"]
        return self.client.wait_terminal(instance_id), instance_id

    def entries(self, instance_id, level="ERROR"):
        """Return the entries of a level that name an instance."""
        entries = ENTRY.split(self.log.read_text())
        return [entry for entry in entries if f"] {level} " in entry and instance_id in entry.splitlines()[0]]

    def json_entries(self):
        """Return all lines of a log in JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def mishaps(running_apps):
    """Return the app whose functions fail."""
    return Mishaps(running_apps(APP))


@pytest.fixture
def in_json(running_apps):
    """Return the app with a log for machines."""
    return Mishaps(running_apps(APP, ("--log-format", "json")))


@pytest.fixture
def verbose(running_apps):
    """Return the app with all that is logged."""
    return Mishaps(running_apps(APP, ("--verbose",)))


def test_an_activity_and_its_orchestrator_are_logged_once_each(mishaps):
    """Both entries have type, message, place and instance; the traceback begins and ends with the app's own code."""
    _, instance_id = mishaps.run("ship_order", {"id": 7})
    activity, orchestrator = mishaps.entries(instance_id)
    headline, _, *trace = activity.splitlines()
    logged = f"Activity 'ship' failed: KeyError: 'weight_kg' ({WEIGHS}) [instance {instance_id}]"
    assert headline.endswith(logged)
    files = [line for line in trace if line.strip().startswith("File ")]
    assert [Path(line.split('"')[1]).name for line in files] == ["function_app.py", "scales.py"]
    assert "Orchestrator 'ship_order' failed: " in orchestrator
    assert place_of('return (yield context.call_activity("ship"').split(":")[1] in orchestrator


def test_a_failure_of_an_orchestrator_has_its_line(mishaps):
    """What an orchestrator raises itself is logged with its own line, once."""
    status, instance_id = mishaps.run("own_failure")
    [entry] = mishaps.entries(instance_id)
    place = place_of('raise NoCourierError("nobody')
    assert "Orchestrator 'own_failure' failed: " in entry
    assert f"NoCourierError: nobody drives today ({place}) [instance {instance_id}]" in entry
    assert f"NoCourierError: nobody drives today ({place})" in status["output"]


def test_causes_are_shown_and_foreign_frames_are_a_count(mishaps):
    """`raise from` shows both errors; the frames of Python's own library below the app's are folded."""
    _, instance_id = mishaps.run("of_a_cause")
    entry = mishaps.entries(instance_id)[0]
    assert re.search(r"^ +… \d frames of json$", entry, re.MULTILINE)
    assert "JSONDecodeError: Expecting property name" in entry
    assert "direct cause of the following exception" in entry
    assert "json/decoder.py" not in entry
    assert entry.index("return json.loads(text)") < entry.index('raise NoCourierError("the order cannot be read")')


def test_a_group_shows_its_members(mishaps):
    """Each error of an ExceptionGroup is in the entry with its frames."""
    _, instance_id = mishaps.run("several")
    entry = mishaps.entries(instance_id)[0]
    assert "Activity 'group' failed: ExceptionGroup: two orders (2 sub-exceptions)" in entry
    assert "KeyError: 'weight_kg'" in entry
    assert "TypeError: unsupported operand" in entry


def test_an_entity_is_logged_once_with_its_operation(mishaps):
    """The entry names entity, operation and key; the caller's own has what the entity raised and where."""
    status, instance_id = mishaps.run("withdraws")
    entity = [entry for entry in mishaps.entries(instance_id) if "Entity '" in entry]
    place = place_of("raise ArithmeticError")
    assert len(entity) == 1
    assert f"Entity 'account.withdraw' failed: ArithmeticError: no 5 there ({place}) [instance @account@" in entity[0]
    assert re.search(rf"ArithmeticError\b.*{re.escape(place)}\)", status["output"])


@pytest.mark.parametrize(
    ("orchestrator", "code"), [("returns_a_set", "@app.orchestration_trigger"), ("gets_a_set", "@app.activity_trigger")]
)
def test_what_is_not_serializable_has_a_place(mishaps, orchestrator, code):
    """An output that is no JSON has no line of its own: the function is named with the line where it begins."""
    status, instance_id = mishaps.run(orchestrator)
    first = mishaps.entries(instance_id)[0].splitlines()[0]
    [line] = re.findall(r"\(function_app\.py:(\d+)\)", first)
    assert SOURCES["function_app.py"][int(line) - 1].startswith(code)
    assert re.search("serializable|could not be encoded", first)
    assert re.search("serializable|could not be encoded", status["output"])
    assert f"function_app.py:{line})" in status["output"]


def test_code_that_is_not_deterministic_has_its_line(mishaps):
    """The entry and the status name the line that asked for something else than the history has."""
    status, instance_id = mishaps.run("changing")
    [entry] = mishaps.entries(instance_id)
    place = place_of('yield context.call_activity("label" if runs')
    assert f"({place}) [instance {instance_id}]" in entry.splitlines()[0]
    assert place in status["output"]


def test_a_deep_recursion_is_bounded(mishaps):
    """Of hundreds of frames some are shown, the last among them."""
    _, instance_id = mishaps.run("deep")
    entry = mishaps.entries(instance_id)[0]
    assert len(entry.splitlines()) < 100
    assert 'return order["weight_kg"]' in entry


def test_a_replay_logs_nothing_again(running_apps):
    """With every turn run twice from its beginning, each failure is logged once."""
    replaying = Mishaps(running_apps(APP, ("--always-replay",)))
    _, instance_id = replaying.run("recovers", {"id": 7})
    kinds = [re.search(r"host: (\w+) '", entry)[1] for entry in replaying.entries(instance_id)]
    assert kinds == ["Activity", "Orchestrator"]


def test_hostile_text_stays_in_its_entry(mishaps):
    """What an error states can neither begin an entry nor move the cursor, and is cut in its middle."""
    _, instance_id = mishaps.run("hostile", f"\x1b[2J\n[2026-01-01 00:00:00,000] ERROR x: {'y' * 50_000}")
    entry = mishaps.entries(instance_id)[0]
    assert "\x1b" not in entry
    assert f"\\x1b[2J [instance {instance_id}]\n    [2026-01-01" in entry
    assert len(entry) < 10_000
    assert "more characters …" in entry


def test_the_status_has_type_and_line(mishaps):
    """Whoever reads the output alone learns which error it was, and where in the app."""
    status, _ = mishaps.run("ship_order", {"id": 7})
    assert "'weight_kg'" in status["output"]
    assert "Error" in status["output"]
    assert re.search(r"\b(function_app|depot/scales)\.py:\d+\)", status["output"])


@pytest.mark.sdk1
def test_the_status_names_the_line_of_the_cause(mishaps):
    """An orchestrator that fails of its activity has the activity's line, once; a parent that of its child's."""
    for orchestrator in ("ship_order", "parent"):
        first = mishaps.run(orchestrator, {"id": 7})[0]["output"].splitlines()[0]
        assert first.rstrip().endswith(f"Activity function 'ship' failed: KeyError: 'weight_kg' ({WEIGHS})")
        assert first.startswith(f"Orchestrator function '{orchestrator}' failed: ")


@pytest.mark.sdk1
def test_an_orchestrator_of_sdk_1_sees_text_and_trace(mishaps):
    """What the SDK raises in an orchestrator has type, message and line first, and the app's frames below."""
    seen = mishaps.run("catches")[0]["output"]
    assert seen["text"].startswith(f"Activity function 'ship' failed: KeyError: 'weight_kg' ({WEIGHS}) \n")
    assert 'return order["weight_kg"]' in seen["text"]


@pytest.mark.sdk2
def test_an_orchestrator_of_sdk_2_sees_message_and_type(mishaps):
    """The message is the error's own and the type can be asked for: nothing of ours is in them."""
    seen = mishaps.run("catches")[0]["output"]
    assert (seen["message"], seen["is_key_error"]) == ("'weight_kg'", True)


def test_the_client_of_the_sdk_reads_a_failed_status(mishaps):
    """The SDK's own client parses the status of a failed instance, and its output has what went wrong."""
    _, instance_id = mishaps.run("own_failure")
    seen = mishaps.client.get(f"/api/seen/{instance_id}").json()
    assert seen["name"] == "own_failure"
    assert "Failed" in seen["status"]
    assert "nobody drives today" in str(seen["output"])


def test_what_clients_of_the_sdk_read_is_whole(mishaps):
    """The history has the failure with its message first and the stack trace beside it."""
    _, instance_id = mishaps.run("ship_order", {"id": 7})
    url = f"{WEBHOOKS}/instances/{instance_id}?showHistory=true&showHistoryOutput=true"
    [failed] = [row for row in mishaps.client.get(url).json()["historyEvents"] if row["EventType"] == "TaskFailed"]
    assert "'weight_kg'" in failed["Reason"]
    assert "depot/scales.py" in failed["Details"]


def test_a_log_in_json_is_one_object_a_line(in_json):
    """Every line that the host prints is an object, the announcement too; a failure has what it is made of."""
    _, instance_id = in_json.run("of_a_cause")
    entries = in_json.json_entries()
    assert {"time", "level", "category", "message"} <= set.intersection(*(set(entry) for entry in entries))
    assert any("Functions" in entry["message"] for entry in entries if entry["category"] == "Host.Startup")
    [failed] = [entry for entry in entries if entry.get("function") == "reads" and entry["level"] == "Error"]
    assert (failed["category"], failed["instance"]) == ("Function.reads", instance_id)
    exception = failed["exception"]
    place = place_of('raise NoCourierError("the order')
    assert (exception["type"], exception["message"]) == ("NoCourierError", "the order cannot be read")
    assert exception["place"] == place
    assert exception["frames"][-1]["file"] == "function_app.py"
    assert f"function_app.py:{exception['frames'][-1]['line']}" == place
    assert exception["causes"][0]["type"] == "JSONDecodeError"
    assert exception["causes"][0]["frames"][-1]["file"] == "depot/scales.py"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", failed["time"])


def test_hostile_text_in_json_is_ascii(in_json):
    """A line for machines has no character that a terminal acts on."""
    in_json.run("hostile", "\x1b[2J\u202e\u2028 boom")
    text = in_json.log.read_text()
    assert text.isascii()
    assert not set(text) & {"\x1b", "\x7f"}
    assert any("\u202e" in entry.get("exception", {}).get("message", "") for entry in in_json.json_entries())


def test_what_functions_log_has_their_function_and_instance(in_json):
    """Entries of the app's own loggers name the function and the instance that wrote them."""
    url = f"{WEBHOOKS}/orchestrators/approval"
    instance_id = in_json.client.post(url).json()["id"]
    deadline = time.monotonic() + 10
    while True:
        found = [entry for entry in in_json.json_entries() if entry["message"] == "approval is asked for"]
        if any(entry.get("instance") == instance_id for entry in found):
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    assert found[-1]["category"] == "Function.approval.User"


def _message(entry):
    return entry.partition("durable_harness.host: ")[2]


def test_verbose_shows_turns_and_activities_with_their_times(verbose):
    """Each piece of work has an entry with its milliseconds and its instance; turns name what they asked for."""
    _, instance_id = verbose.run("own_failure")
    entries = [entry.strip() for entry in verbose.entries(instance_id, "DEBUG")]
    logged = [re.sub(r"[\d,]+\.\d ms(, \S+ ms of it waiting for a thread)?", "N ms", _message(one)) for one in entries]
    where = f"[instance {instance_id}]"
    assert f"Turn of 'own_failure' took N ms, asked for activity 'label' {where}" in logged
    assert f"Activity 'label' took N ms {where}" in logged
    assert any(
        re.fullmatch(r"Turn of 'own_failure' took N ms, \d+ events replayed, failure " + re.escape(where), one)
        for one in logged
    )


FOLDER = {
    "Broken/function.json": '{"bindings": [{"name": "x", "type": "activityTrigger", "direction": "in"}]}',
    "Broken/__init__.py": "from ..shared import parts\n\n\ndef main(x: str) -> str:\n    return parts.take(x)\n",
    "Calls/function.json": '{"bindings": [{"name": "context", "type": "orchestrationTrigger", "direction": "in"}]}',
    "Calls/__init__.py": (
        "import azure.durable_functions as df\n\n\ndef run(context):\n"
        '    yield context.call_activity("Broken", "x")\n\n\nmain = df.Orchestrator.create(run)\n'
    ),
    "shared/parts.py": "def take(name):\n    return {}[name]\n",
    "host.json": '{"version": "2.0"}',
}


@pytest.mark.sdk1
def test_a_function_of_a_folder_has_its_file(tmp_path, client_of):
    """In an app of function.json folders places are named from the app's folder on, too."""
    for name, text in FOLDER.items():
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / name).write_text(text)
    with embedded_stack(tmp_path / "app", log_path=tmp_path / "log") as stack:
        folder = Mishaps(client_of(stack))
        status, instance_id = folder.run("Calls")
        [activity, _] = folder.entries(instance_id)
    assert f"Activity 'Broken' failed: KeyError: 'x' (shared/parts.py:2) [instance {instance_id}]" in activity
    assert "Broken/__init__.py" in activity
    assert "KeyError: 'x' (shared/parts.py:2)" in status["output"]


SECRET = "bm90IGEgcmVhbCBrZXksIGJ1dCBsb25nIGVub3VnaA=="
LEAKY = """
import os
import azure.durable_functions as df

app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def leaks(context):
    yield context.call_activity("connects", None)

@app.activity_trigger(input_name="nothing")
def connects(nothing):
    raise ConnectionError(f"cannot connect to {os.environ['STORE']}")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_credentials_of_settings_are_in_no_log(tmp_path, client_of, log_format):
    """An error that repeats a connection string is logged without the key in it."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "function_app.py").write_text(LEAKY)
    (app / "host.json").write_text('{"version": "2.0"}')
    store = f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={SECRET};EndpointSuffix=core.windows.net"
    log = tmp_path / "log"
    options = {"serve_args": ("--log-format", log_format), "environment": {"STORE": store}}
    with embedded_stack(app, log_path=log, **options) as stack:
        Mishaps(client_of(stack)).run("leaks")
    assert "cannot connect to DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=***" in log.read_text()
    assert SECRET not in log.read_text()
