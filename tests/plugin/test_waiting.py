"""What an instance waits for, derived from its status and its history alone."""

import pytest

from durable_harness.testing.reports.waiting_report import waits_for
from durable_harness.testing.webhook_client import Instance

SCHEDULED = {"EventType": "TaskScheduled", "FunctionName": "work", "Timestamp": "2026-01-01T00:00:00Z"}
DONE = {"EventType": "TaskCompleted", "FunctionName": "work", "Timestamp": "2026-01-01T00:00:01Z"}


def timer(kind, due):
    return {"EventType": kind, "FireAt": due, "Timestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("state", "history", "expected"),
    [
        ("Completed", [DONE], []),
        ("Failed", [SCHEDULED], []),
        ("Pending", [], ["a host to take it"]),
        ("Suspended", [SCHEDULED], ["a resume"]),
        ("Running", [DONE], ["an external event"]),
        ("Running", [DONE, SCHEDULED], ["activity work, scheduled "]),
        ("Running", [timer("TimerCreated", "12:00")], ["timer due 12:00"]),
        ("Running", [timer("TimerCreated", "12:00"), timer("TimerFired", "12:00"), SCHEDULED], ["activity work"]),
        (
            "Running",
            [timer("TimerCreated", d) for d in "aab"] + [timer("TimerFired", "a")],
            ["timer due a", "timer due b"],
        ),
    ],
)
def test_what_is_outstanding_is_waited_for(state, history, expected):
    """An instance waits for the calls and timers without an outcome, else for what its state shows."""
    lines = waits_for(Instance("id", {"runtimeStatus": state}, history))
    assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected


def test_a_time_that_cannot_be_read_does_no_harm():
    """A history with odd times still names the activity."""
    assert waits_for(Instance("id", {"runtimeStatus": "Running"}, [{**SCHEDULED, "Timestamp": None}])) == [
        "activity work"
    ]
