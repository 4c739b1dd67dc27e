"""A full thread pool: what waits for a thread waits visibly, and what needs none continues."""

from datetime import datetime
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed

THREADS = 3
"""The limit in the local.settings.json of the app."""
HELD_S = 0.4
CLOCK_STEP_S = 0.01
"""What the wall clock may be set by while a test reads it."""

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app with plain activities and few threads."""
    return Path(__file__).parents[1] / "apps" / "ledger"


def moment_s(text):
    return datetime.fromisoformat(text).timestamp()


def queue_times_s(operation, ran):
    """Return how long each activity waited: from its being scheduled, which the history shows, to its begin."""
    rows = [row for row in operation.history() if row["EventType"] == "TaskCompleted"]
    scheduled = sorted(moment_s(row["ScheduledTime"]) for row in rows)
    return [began["began_s"] - at for began, at in zip(ran, scheduled, strict=True)]


def at_once(ran, moment_s):
    """Return how many of the activities ran at a moment."""
    return sum(one["began_s"] <= moment_s < one["ended_s"] - CLOCK_STEP_S for one in ran)


def waits_in_the_log(operations):
    """Return what the host's log reports of waiting for threads."""
    lines = operations.stack.log_path.read_text().splitlines()
    return "\n".join(line for line in lines if "for a thread: all" in line)


def test_activities_that_starve_the_pool_show_as_queue_time(operations, durable_faults):
    """Of many plain activities only as many run as there are threads; the wait of the others is queue time."""
    order = {"count": 3 * THREADS, "seconds": HELD_S}
    operation = operations.start_orchestrator("crowd", order)
    ran = sorted(assert_completed(operation), key=lambda one: one["began_s"])
    assert [at_once(ran, one["began_s"]) <= THREADS for one in ran] == [True] * len(ran)
    assert queue_times_s(operation, ran)[-1] >= 2 * HELD_S - CLOCK_STEP_S
    assert "Function 'hold_thread' waited" in waits_in_the_log(operations)


def test_a_full_pool_delays_orchestrations_and_is_reported(operations, durable_faults):
    """While every thread is busy nothing plain runs: the operation waits, and the host reports the cause."""
    durable_faults.fill_thread_pool()
    operation = operations.start_orchestrator("approvals", 0)
    assert operation.status()["runtimeStatus"] == "Pending"
    durable_faults.end()
    assert_completed(operation, output=[])
