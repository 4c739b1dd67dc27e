"""Events that are raised before an orchestration has run for the first time are kept, whatever happens meanwhile."""

from pathlib import Path

import pytest

from durable_harness.testing import assert_completed

EVENTS = ["first", "second", "third"]
LONGER_THAN_ANY_TEST_S = 300.0

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose orchestration collects events."""
    return Path(__file__).parents[1] / "apps" / "ledger"


@pytest.fixture
def undispatched(operations, durable_faults):
    """Return an operation that no worker has been given: none is connected until `durable_faults.end()`."""
    durable_faults.reset_stream(away_s=LONGER_THAN_ANY_TEST_S)
    operation = operations.start_orchestrator("approvals", len(EVENTS))
    for event in EVENTS:
        operation.raise_event("approved", event)
    assert operation.status()["runtimeStatus"] == "Pending"
    return operation


def test_events_before_the_first_dispatch_are_kept(undispatched, durable_faults):
    """Events that come while no worker is connected are there when one is, in their order."""
    durable_faults.end()
    assert_completed(undispatched, output=EVENTS)


@pytest.mark.parametrize("death", ["kill_host", "kill_worker", "kill_scheduler"])
def test_events_before_the_first_dispatch_outlive_a_death(undispatched, durable_faults, death):
    """A death before the first dispatch loses no event: not of the worker, the host or the scheduler."""
    getattr(durable_faults, death)()
    durable_faults.end()
    assert_completed(undispatched, output=EVENTS)


def test_events_during_a_lost_first_dispatch_are_kept(operations, durable_faults):
    """Events that come while the first turn is lost on its way are there when it comes again."""
    lost = durable_faults.drop_work_items(kind="orchestration", name="approvals", back_after_s=None)
    operation = operations.start_orchestrator("approvals", len(EVENTS))
    lost.wait()
    for event in EVENTS:
        operation.raise_event("approved", event)
    assert operation.status()["runtimeStatus"] == "Pending"
    lost.end()
    assert_completed(operation, output=EVENTS)


def test_events_are_not_doubled_by_a_doubled_dispatch(operations, durable_faults):
    """A turn that is handed out twice, or whose completion is refused, takes each event once."""
    durable_faults.duplicate_work_items(probability=1.0, kind="orchestration")
    durable_faults.refuse_completions(1, kind="orchestration")
    operation = operations.start_orchestrator("approvals", len(EVENTS))
    for event in EVENTS:
        operation.raise_event("approved", event)
    assert_completed(operation, output=EVENTS)
