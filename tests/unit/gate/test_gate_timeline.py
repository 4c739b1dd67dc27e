"""Timelines: slices that stay few however long a run lasts, and add up."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from durable_harness.gate import LoadTimeline
from durable_harness.gate.load_timeline import MAX_SLICES

MOMENTS = st.lists(st.floats(1_000_000, 1_003_600), max_size=40)


def timeline(moments):
    """Make a timeline with an operation started, and ended, at each moment."""
    made = LoadTimeline()
    for moment in moments:
        made.started(moment)
        made.ended(moment, completed=True, completion_ms=moment - 1_000_000)
    return made


def test_slices_have_no_gaps():
    """Seconds in which nothing happened are slices too, and each slice has the completion times of its own ends."""
    made = timeline([10.2, 10.9, 13.0])
    assert [(start, piece.started) for start, piece in made.slices()] == [(10, 2), (11, 0), (12, 0), (13, 1)]
    made.ended(13.5, completed=False, completion_ms=None)
    last = made.slices()[-1][1]
    assert (last.completed, last.not_completed, last.completion_ms.count) == (1, 1, 1)


@settings(max_examples=15)
@given(MOMENTS, MOMENTS)
def test_merging_and_widening_lose_nothing(left, right):
    """However wide the slices of two processes grew, merged they are few and hold every operation once."""
    both = timeline(left)
    both.merge(LoadTimeline.from_wire(json.loads(json.dumps(timeline(right).to_wire()))))
    together = timeline(left + right)
    assert len(both.slices()) <= MAX_SLICES
    assert both.width_s == together.width_s
    assert _plain(both) == _plain(together)
    assert sum(piece.started for _, piece in both.slices()) == len(left) + len(right)


def test_how_operations_ended_is_merged_and_widened():
    """Slices of two processes, and of twice the width, have the sum of each way to end."""
    made, other = timeline([]), timeline([])
    for moment, state in ((10.0, "failed"), (11.0, "refused"), (600.0, "failed")):
        made.ended(moment, completed=False, completion_ms=None, state=state)
        other.ended(moment, completed=False, completion_ms=None, state="failed")
    made.merge(LoadTimeline.from_wire(json.loads(json.dumps(other.to_wire()))))
    found = [piece.by_state for _, piece in made.slices() if piece.by_state]
    assert found == [{"failed": 3, "refused": 1}, {"failed": 2}]


def test_the_span_of_a_run_is_exact():
    """Slices are aligned to the clock; the moments of the run's first event and last start are known beside them."""
    made, other = timeline([10.2, 10.9]), timeline([9.4])
    made.ended(13.5, completed=True, completion_ms=None)
    made.merge(LoadTimeline.from_wire(json.loads(json.dumps(other.to_wire()))))
    assert (made.first_s, made.last_start_s) == (9.4, 10.9)


def test_an_empty_timeline_has_no_slices():
    """A run in which nothing happened has nothing to draw."""
    assert LoadTimeline().slices() == []


def _plain(made):
    return [(start, piece.started, list(piece.completion_ms.buckets())) for start, piece in made.slices()]
