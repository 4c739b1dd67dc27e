"""Activities that a test runs by hand: they are run twice if the service would deliver them twice."""

from __future__ import annotations

import json

from durable_harness.host.twice.answer_comparison import Answer
from durable_harness.host.twice.comparing_runner import Call, record, watched
from durable_harness.host.twice.effects import Scope
from durable_harness.host.twice.twice_records import Delivered, TwiceRecords

ACTIVITY = "activitytrigger"


async def run_by_hand(records: TwiceRecords | None, trigger_type: str, name: str, call: Call) -> object:
    """Return what a function comes to; an activity is run a second time if its work is to be delivered twice."""
    is_activity = records is not None and trigger_type.lower() == ACTIVITY
    counts = records.counts_of("activity", name) if records is not None and is_activity else None
    if records is None or counts is None:
        return await call()
    first, second = [await _delivered(name, call) for _ in range(2)]
    record(records, "activity", first, lambda: second)
    outcome = (first if counts == "first" else second).outcome
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def _delivered(name: str, call: Call) -> Delivered:
    scope = Scope()
    outcome = await watched(scope, call)
    if isinstance(outcome, BaseException):
        answer = Answer.of_error(outcome)
    else:
        answer = Answer(json.dumps(outcome, default=repr))
    return Delivered([(name, answer)], scope, outcome)
