"""`durable-harness why` and the endpoint that it asks: apps that are slow for one reason each, on each scheduler."""

import json
from pathlib import Path

import pytest
from durabletask.testing import create_test_backend

from durable_harness.cli import main
from durable_harness.errors import UsageError
from durable_harness.network.free_ports import free_port

APP = Path(__file__).parents[2] / "apps" / "slow"
TIMINGS = "/admin/durable-harness/timings"


@pytest.fixture(params=["embedded", "remote"])
def slow(request, running_apps):
    """Return the client of the slow app, on the embedded scheduler and on one in another process."""
    remote = ("--scheduler", request.getfixturevalue("our_scheduler")) if request.param == "remote" else ()
    return running_apps(APP, remote)


@pytest.fixture
def explain(slow, capsys):
    """Return what explains an instance as JSON, after it was run to its end."""

    def ask(orchestrator, *, ended=True):
        instance_id = slow.post(f"/api/orchestrators/{orchestrator}").json()["id"]
        if ended:
            assert slow.wait_terminal(instance_id)["runtimeStatus"] == "Completed"
        assert main(["why", instance_id, "--host", slow.stack.base_url, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return ask


@pytest.mark.parametrize(
    ("orchestrator", "part", "knob", "value"),
    [
        ("starved_of_threads", "thread", "PYTHON_THREADPOOL_THREAD_COUNT", 2),
        ("starved_of_slots", "slot", "maxConcurrentActivityFunctions", 8),
        ("sleeper", "timer", None, None),
        ("blocked", "loop", None, None),
        ("parent", "thread", "PYTHON_THREADPOOL_THREAD_COUNT", 2),
    ],
)
def test_what_binds_is_named(explain, orchestrator, part, knob, value):
    """The largest part of the path is why this app is slow, and the setting that binds is named with its value."""
    explained = explain(orchestrator)
    assert explained["parts"][0]["part"] == part, explained["parts"]
    finding = explained["findings"][0]
    assert (finding["part"], finding["knob"], finding["value"]) == (part, knob, value)
    assert sum(each["ms"] for each in explained["parts"]) == pytest.approx(explained["total_ms"])


@pytest.mark.sdk1
def test_replay_is_measured(explain):
    """An orchestrator that computes much in each turn spends its time on replay, which the finding counts."""
    explained = explain("heavy")
    assert explained["parts"][0]["part"] == "replay", explained["parts"]
    assert "turns replayed" in explained["findings"][0]["text"]


@pytest.mark.sdk2
def test_replay_is_not_separated_from_code_with_sdk_2(explain):
    """The engine of SDK 2.x does not report when it begins with what is new: no figure for replay is made up."""
    explained = explain("heavy")
    assert explained["parts"][0]["part"] == "orchestrator", explained["parts"]
    assert "replay" not in {each["part"] for each in explained["parts"]}


def test_who_holds_the_event_loop_is_a_finding(explain):
    """The async function that does not await is named."""
    texts = [finding["text"] for finding in explain("blocked")["findings"]]
    assert any("The async function 'greedy' keeps the event loop to itself" in text for text in texts)


def test_a_living_instance_shows_what_it_waits_for(explain):
    """An instance that needs an event says so."""
    waits = explain("waiter", ended=False)["waits"]
    assert [wait["part"] for wait in waits] in (["event"], ["harness"], ["orchestrator"], ["thread"], ["unknown"])


def test_the_text_names_knob_and_path(slow, capsys):
    """Without --json it is lines for people: the whole, the parts, what binds, the path."""
    instance_id = slow.post("/api/orchestrators/starved_of_threads").json()["id"]
    slow.wait_terminal(instance_id)
    assert main(["why", instance_id, "--host", slow.stack.base_url]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"Instance '{instance_id}' of orchestrator 'starved_of_threads': completed, ")
    assert "wait for a thread" in printed
    assert "PYTHON_THREADPOOL_THREAD_COUNT is 2" in printed
    assert "The critical path:" in printed


def test_an_instance_that_is_not_there(slow, capsys):
    """An unknown id ends with the code of a wrong use, and says what to look at."""
    assert main(["why", "nobody", "--host", slow.stack.base_url]) == UsageError.exit_code
    assert "no orchestration instance 'nobody'" in capsys.readouterr().err
    assert slow.get(f"{TIMINGS}?instance=nobody").status_code == 404
    assert slow.get(TIMINGS).status_code == 400


def test_a_host_that_does_not_answer(capsys):
    """Nothing at the URL is distinguished from a wrong id: exit code 4, and how to start the app."""
    assert main(["why", "i", "--host", f"http://127.0.0.1:{free_port()}"]) == 4
    assert "durable-harness serve" in capsys.readouterr().err


def test_without_stamped_events_no_time_is_shown(running_apps, capsys):
    """A host of ours at durabletask's in-memory backend: what is open is known, how long things took is not."""
    port = free_port()
    backend = create_test_backend(port=port)
    try:
        client = running_apps(APP, ("--scheduler", f"Endpoint=http://localhost:{port};Authentication=None"))
        instance_id = client.post("/api/orchestrators/starved_of_threads").json()["id"]
        client.wait_terminal(instance_id)
        assert main(["why", instance_id, "--host", client.stack.base_url, "--json"]) == 0
        explained = json.loads(capsys.readouterr().out)
        assert (explained["status"], explained["total_ms"], explained["parts"]) == ("COMPLETED", None, [])
        assert "not known" in explained["notKnown"][0]
        assert main(["why", "nobody", "--host", client.stack.base_url]) == UsageError.exit_code
    finally:
        backend.stop()


def test_a_purged_instance_takes_its_times_along(slow):
    """What was noted of an instance goes with it."""
    instance_id = slow.post("/api/orchestrators/sleeper").json()["id"]
    slow.wait_terminal(instance_id)
    assert slow.get(f"{TIMINGS}?instance={instance_id}").json()["work"]
    assert slow.request("DELETE", f"/runtime/webhooks/durabletask/instances/{instance_id}").status_code == 200
    assert slow.get(f"{TIMINGS}?instance={instance_id}").status_code == 404


def test_no_payload_is_in_the_answer(slow):
    """The document has names, ids and times; inputs and outputs stay where they are."""
    instance_id = slow.post("/api/orchestrators/starved_of_threads").json()["id"]
    slow.wait_terminal(instance_id)
    document = slow.get(f"{TIMINGS}?instance={instance_id}").json()
    fields = {field for event in document["events"] for field in event}
    assert fields <= {"kind", "id", "timeNs", "name", "taskScheduledId"}
