"""Texts of the dashboard: payloads on one line, failures with their causes, events of another version."""

from types import SimpleNamespace

import pytest

from durable_harness.dashboard.failure_texts import MOST_CAUSES, failures_of
from durable_harness.dashboard.history_rows import rows_of
from durable_harness.dashboard.known_instance import KnownInstance
from durable_harness.dashboard.payload_texts import one_line
from durable_harness.protocol import from_ns, pb


@pytest.mark.parametrize(
    ("text", "line"),
    [(None, ""), ('"a b"', "a b"), ("a\n b", "a b"), ('"', '"'), ("x" * 20, "x" * 9 + "…")],
)
def test_a_payload_is_one_line(text, line):
    """A text is shown without its quotes and line breaks, and no longer than there is room."""
    assert one_line(text, 10) == line


def chain(length):
    """Return a failure with this number of causes below it."""
    failure = pb.TaskFailureDetails(errorType="Error", errorMessage="0")
    inner = failure
    for number in range(1, length + 1):
        inner = inner.innerFailure
        inner.errorMessage = str(number)
    return failure


@pytest.mark.parametrize(("causes", "shown"), [(0, 1), (2, 3), (MOST_CAUSES + 5, MOST_CAUSES)])
def test_a_failure_is_shown_with_its_causes(causes, shown):
    """The causes follow from the outermost inwards; a chain that is too long is cut."""
    assert len(list(failures_of(chain(causes)))) == shown


def test_an_event_of_a_later_version_is_unknown():
    """An event that this version does not know has a row of its own, without a payload."""
    (row,) = rows_of([pb.HistoryEvent(timestamp=from_ns(5))], 1)
    assert (row.number, row.label) == (1, "Unknown event")


def known(status, now_ns=None, completed_ns=None):
    """Return an instance that was created at 5 and changed last at 8."""
    state = pb.OrchestrationState(
        orchestrationStatus=status, createdTimestamp=from_ns(5), lastUpdatedTimestamp=from_ns(8)
    )
    if completed_ns is not None:
        state.completedTimestamp.CopyFrom(from_ns(completed_ns))
    explained = None if now_ns is None else SimpleNamespace(facts=SimpleNamespace(now_ns=now_ns, repeats={3: 1}))
    return KnownInstance(state, [], explained, [], 0, is_whole_cost=True)


@pytest.mark.parametrize(
    ("instance", "took_ns"),
    [
        (known(pb.ORCHESTRATION_STATUS_COMPLETED, completed_ns=15), 10),
        (known(pb.ORCHESTRATION_STATUS_COMPLETED), 3),
        (known(pb.ORCHESTRATION_STATUS_RUNNING, now_ns=25), 20),
        (known(pb.ORCHESTRATION_STATUS_RUNNING), None),
    ],
)
def test_how_long_an_instance_took_is_shown_if_it_is_known(instance, took_ns):
    """Without the time of its end, or the present, the time of an instance is that of its last change, or none."""
    assert instance.took_ns == took_ns


def test_an_instance_without_times_has_no_timeline():
    """A scheduler that reports no times leaves out the timeline and what was handed out again."""
    assert known(pb.ORCHESTRATION_STATUS_RUNNING).timeline is None
    assert known(pb.ORCHESTRATION_STATUS_RUNNING).repeats == {}
    assert known(pb.ORCHESTRATION_STATUS_RUNNING, now_ns=9).repeats == {3: 1}
