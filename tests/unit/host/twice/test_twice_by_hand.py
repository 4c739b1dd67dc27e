"""Activities that a test runs by hand while work is delivered twice."""

import asyncio

import pytest

from durable_harness.host.twice.twice_by_hand import run_by_hand


class Records:
    """Records of second deliveries in which one answer counts."""

    def __init__(self, counts):
        self.counts = counts
        self.added = []

    def counts_of(self, kind, name):
        assert (kind, name) == ("activity", "pay")
        return self.counts

    def add(self, function):
        self.added.append(function)


def run(records, trigger, *outcomes):
    """Run a function by hand that comes to these outcomes in turn; return the result and how often it ran."""
    left = list(outcomes)

    async def call():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return asyncio.run(run_by_hand(records, trigger, "pay", call)), len(outcomes) - len(left)


@pytest.mark.parametrize(
    ("records", "trigger"),
    [(None, "activityTrigger"), (Records("second"), "queueTrigger"), (Records(None), "activityTrigger")],
)
def test_other_work_runs_once(records, trigger):
    """Without records, of another trigger, or of a name that is delivered once, a function runs once."""
    assert run(records, trigger, "a", "b") == ("a", 1)
    assert records is None or records.added == []


@pytest.mark.parametrize(("counts", "result"), [("first", "a"), ("second", "b")])
def test_the_answer_that_counts_is_the_result(counts, result):
    """An activity runs twice; both answers are compared, and the one that counts is the result."""
    records = Records(counts)
    assert run(records, "activityTrigger", "a", "b") == (result, 2)
    assert len(records.added) == 1


def test_the_error_that_counts_is_raised():
    """An activity that fails the second time fails the run if the second answer counts."""
    with pytest.raises(ValueError, match="no money"):
        run(Records("second"), "activityTrigger", "a", ValueError("no money"))
    assert run(Records("first"), "activityTrigger", "a", ValueError("no money")) == ("a", 2)
