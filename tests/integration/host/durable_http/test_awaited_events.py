"""The names of the external events that living instances wait for, and where in their code."""

import time
from pathlib import Path

import pytest

from durable_harness.why import waiting_for

APP = Path(__file__).parents[3] / "apps" / "mishaps"
SOURCE = (APP / "function_app.py").read_text().splitlines()
TIMINGS = "/admin/durable-harness/timings"
WAITS = 'return (yield context.wait_for_external_event("approval"))'
WEBHOOKS = "/runtime/webhooks/durabletask"


def line_of(code):
    """Return the place of a line of the app."""
    [number] = [number for number, line in enumerate(SOURCE, 1) if code in line]
    return f"function_app.py:{number}"


@pytest.fixture(params=["embedded", "remote"])
def mishaps(request, running_apps):
    """Return the client of the app, on the embedded scheduler and on one in another process."""
    remote = ("--scheduler", request.getfixturevalue("our_scheduler")) if request.param == "remote" else ()
    return running_apps(APP, remote)


@pytest.fixture
def waiting(mishaps):
    """Return what starts an orchestrator and returns what it waits for, once that is so and nothing else happens."""

    def ask(orchestrator, expected, *events, lines=1):
        instance_id = mishaps.post(f"{WEBHOOKS}/orchestrators/{orchestrator}").json()["id"]
        for name in events:
            url = f"{WEBHOOKS}/instances/{instance_id}/raiseEvent/{name}"
            assert mishaps.post(url, json={"by": "Ada"}).status_code == 202
        deadline = time.monotonic() + 10
        while True:
            shown = waiting_for(mishaps.get(f"{TIMINGS}?instance={instance_id}").json())
            if len(shown) == lines and any(expected in line for line in shown):
                return shown
            assert time.monotonic() < deadline, shown
            time.sleep(0.02)

    return ask


def test_an_event_is_named_with_its_line(waiting):
    """An orchestrator that waits for an event names the event and the line that waits."""
    [shown] = waiting("approval", "external event 'approval'")
    assert f"({line_of(WAITS)})" in shown


def test_an_event_that_nothing_takes_is_reported(waiting):
    """A misspelt event is named beside the one that is waited for."""
    [shown] = waiting("approval", "'approved' came", "approved")
    assert "external event 'approval'" in shown
    assert shown.endswith("; 'approved' came, and nothing waits for it")


def test_several_events_in_a_generator_of_the_app(waiting):
    """Each event of a set that has not come is named, with the innermost line."""
    [shown] = waiting("two_events", "external event 'packed'", "paid")
    assert line_of("yield context.task_all([context.wait_for_external_event(name)") in shown


def test_a_race_of_an_event_and_a_timer(waiting):
    """Both are waited for."""
    shown = waiting("approval_in_time", "external event 'approval'", lines=2)
    assert [line.split(":")[0].split(" (")[0] for line in shown] == ["timer", "external event 'approval'"]


def test_a_child_that_waits(waiting):
    """The event is named that the child of a parent waits for, with the child."""
    [shown] = waiting("waiting_parent", "external event 'approval'")
    assert "(in approval child-of-" in shown


def test_asking_changes_nothing_and_logs_nothing(mishaps, waiting):
    """The code that is run to learn the names leaves no entry in the log, and the instance continues as before."""
    waiting("approval", "external event 'approval'")
    instance_id = mishaps.get(f"{WEBHOOKS}/instances?top=1000&runtimeStatus=Running").json()[-1]["instanceId"]
    before = mishaps.stack.log_path.read_text()
    assert "approval is asked for" in before
    for _ in range(3):
        assert mishaps.get(f"{TIMINGS}?instance={instance_id}").json()["awaits"]["events"]
    assert mishaps.stack.log_path.read_text() == before
