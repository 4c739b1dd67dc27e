"""Whether two deliveries of one piece of work came to the same answer, and where the answers differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from durable_harness.host.failures import describe
from durable_harness.protocol import pb, unwrap_text
from durable_harness.wording.foreign_text import middle_cut, shown
from durable_harness.wording.json_places import first_place

SAME, TIMES, OTHER = "same", "times", "other"
FAILED_SECOND, FAILED_FIRST, FAILED_BOTH = "failedSecond", "failedFirst", "failedBoth"
OUTCOMES = (SAME, TIMES, OTHER, FAILED_SECOND, FAILED_FIRST, FAILED_BOTH)
MOST_VALUE_CHARS = 80
SHORTEST_TIME = len("2026-01-01T00:00")


@dataclass(frozen=True)
class Answer:
    """What a delivery came to: a JSON text or an error."""

    text: str | None = None
    error: str | None = None

    @classmethod
    def of_error(cls, error: BaseException) -> Answer:
        return cls(error=describe(error))


def operation_answers(result: pb.EntityBatchResult, count: int) -> list[Answer]:
    """Return the answers of a batch's operations; one that has no outcome has none."""
    if result.HasField("failureDetails"):
        return [Answer(error=result.failureDetails.errorMessage)] * count
    answers = [_operation_answer(one) for one in result.results]
    return [*answers, *[Answer()] * (count - len(answers))]


def _operation_answer(result: pb.OperationResult) -> Answer:
    if result.HasField("failure"):
        return Answer(error=result.failure.failureDetails.errorMessage)
    return Answer(unwrap_text(result.success, "result"))


def compared(first: Answer, second: Answer, where: str = "answer") -> tuple[str, str]:
    """Return one of OUTCOMES, and its details."""
    if second.error is not None:
        return (FAILED_SECOND if first.error is None else FAILED_BOTH), shown(second.error, MOST_VALUE_CHARS * 2)
    if first.error is not None:
        return FAILED_FIRST, shown(first.error, MOST_VALUE_CHARS * 2)
    if first.text == second.text:
        return SAME, ""
    return _compared_values(_decoded(first.text), _decoded(second.text), where)


def _compared_values(first: object, second: object, where: str) -> tuple[str, str]:
    if first == second:
        return SAME, ""
    is_by_time_only = _is_same_but_for_times(first, second)
    place, one, other = first_place(first, second, where, _is_same if is_by_time_only else _is_same_but_for_times)
    one, other = (middle_cut(shown(value), MOST_VALUE_CHARS) for value in (one, other))
    return (TIMES if is_by_time_only else OTHER), f"{place}: {one}, then {other}"


def _is_same(first: object, second: object) -> bool:
    return bool(first == second)


def _is_same_but_for_times(first: object, second: object) -> bool:
    """Whether two values differ in texts alone that are dates and times: a second delivery is later."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_is_same_but_for_times(first[k], second[k]) for k in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_is_same_but_for_times, first, second))
    return bool(first == second) or (_is_time(first) and _is_time(second))


def _is_time(value: object) -> bool:
    if not isinstance(value, str) or len(value) < SHORTEST_TIME:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _decoded(text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
