"""The answers of two deliveries of one piece of work, compared."""

import pytest

from durable_harness.host.twice import answer_comparison as comparison
from durable_harness.host.twice.answer_comparison import Answer, compared, operation_answers
from durable_harness.protocol import pb

VALUE, FAILED = Answer("1"), Answer(error="no money")


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (VALUE, FAILED, comparison.FAILED_SECOND),
        (FAILED, FAILED, comparison.FAILED_BOTH),
        (FAILED, VALUE, comparison.FAILED_FIRST),
    ],
)
def test_an_error_of_one_delivery_is_named(first, second, outcome):
    """It is reported which of the two deliveries failed, and with which error."""
    assert compared(first, second) == (outcome, "no money")


@pytest.mark.parametrize(("first", "second"), [("1", "1"), ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'), (None, None)])
def test_equal_values_are_the_same(first, second):
    """The order of members does not matter, nor does an answer that neither has."""
    assert compared(Answer(first), Answer(second)) == (comparison.SAME, "")


def test_values_that_differ_by_time_are_set_apart():
    """A second delivery is later: a time in its answer differs, and is reported as that alone."""
    one, other = '{"at": "2026-01-01T00:00:00Z", "n": [1]}', '{"at": "2026-01-01T00:00:05Z", "n": [1]}'
    assert compared(Answer(one), Answer(other))[0] == comparison.TIMES
    outcome, detail = compared(Answer(one), Answer(other.replace("[1]", "[2]")))
    assert outcome == comparison.OTHER
    assert "1, then 2" in detail


def test_answers_of_a_batch_are_those_of_its_operations():
    """Each operation has its result, its error, or nothing if the batch has none for it."""
    results = [
        pb.OperationResult(success={"result": {"value": "1"}}),
        pb.OperationResult(failure={"failureDetails": {"errorMessage": "no money"}}),
    ]
    assert operation_answers(pb.EntityBatchResult(results=results), 3) == [VALUE, FAILED, Answer()]


def test_a_batch_that_failed_failed_for_each_operation():
    """The failure of a whole batch is the answer to each of its operations."""
    failed = pb.EntityBatchResult(failureDetails={"errorMessage": "no money"})
    assert operation_answers(failed, 2) == [FAILED, FAILED]
