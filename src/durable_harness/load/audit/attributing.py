"""Split the time of recorded operations between the parties, with what explains each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from durable_harness.gate.who.blame import Blame, OperationFailure, blame
from durable_harness.gate.who.operation_pieces import (
    ClockOffset,
    RecordedOperation,
    TimedRequest,
    clipped,
    clock_of,
    on_this_clock,
    pieces_of,
    pieces_of_poll,
    pieces_of_start,
)
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import Attribution, attribute
from durable_harness.load.audit.samples import Row
from durable_harness.operations.host_times import read_host_times
from durable_harness.operations.operation_record import SCHEDULER_CLOCK
from durable_harness.why import Explanation, Part, Segment
from durable_harness.why.findings import LEAST_SHARE, SLOTS, THREADS
from durable_harness.wording.lengths import NS_PER_MS


class Explained(NamedTuple):
    """An operation as it was recorded, and its explanation; None if there is none."""

    row: Row
    found: Explanation | None


def attributed(
    operations: Sequence[Explained], hints: Mapping[Part, str], metric: str = "completion_ms", *, is_here: bool
) -> Attribution | None:
    """Return the shares of the parties in a figure of operations; None without operations, or if it is not a time."""
    read = [one for one in operations if one.found is not None and one.found.path] or list(operations)
    recorded = [recorded_of(one) for one in read]
    clock = clock_of(recorded, is_here=is_here)
    timelines = [_pieces(on_this_clock(one, clock), metric) for one in recorded]
    known = [one.found for one in read if one.found is not None]
    return attribute(
        [pieces for pieces in timelines if pieces],
        {**hints, **_limits(known, timelines)},
        clock_error_ms=(clock or ClockOffset()).error_ns / NS_PER_MS,
        not_known="; ".join(dict.fromkeys(text for found in known for text in found.not_known)),
    )


def recorded_of(one: Explained) -> RecordedOperation:
    """Return the moments of an operation."""
    row, found = one
    facts = found.facts if found is not None and found.path else None
    has_times = row["server_clock"] == SCHEDULER_CLOCK
    created_ns = _ns(row["server_created_s"]) if has_times else None
    ended_ns = _ns(row["server_updated_s"]) if has_times else None
    if facts is not None:
        created_ns, ended_ns = facts.created_ns, facts.until_ns if facts.has_ended else None
    return RecordedOperation(
        from_ns=_ns(row["from_s"]) or 0,
        start=_exchange(row["sent_s"], row["accepted_s"] or row["seen_s"], row["start_at_host"]),
        seen_ns=_ns(row["seen_s"]) or 0,
        poll=_exchange(row["poll_sent_s"], row["seen_s"], row["poll_at_host"]) if row["poll_sent_s"] else None,
        poll_due_ns=_ns(row["poll_due_s"]),
        pool_ns=round((row["start_pool_ms"] or 0) * NS_PER_MS),
        connect_ns=round((row["start_connect_ms"] or 0) * NS_PER_MS),
        created_ns=created_ns,
        running_ns=_ns(row["server_running_s"]) if has_times else None,
        ended_ns=ended_ns,
        path=() if found is None else found.path,
        held=() if facts is None else tuple(facts.held),
    )


def blames_of(
    failed: Iterable[Row], timed_out: Attribution | None, unaccounted: int, *, is_ours: bool
) -> Counter[Blame]:
    """Return who is to blame for the operations that did not complete, and for how many."""
    kinds = Counter((row["state"], row["error"] or "", _ran_function(row)) for row in failed)
    blames = Counter[Blame]()
    for (state, error, ran), count in kinds.items():
        found = blame(OperationFailure(state, error, ran), is_ours=is_ours)
        blames[found or _of_path(timed_out)] += count
    if unaccounted:
        blames[Blame(Party.GENERATOR, "a process of it vanished with its operations")] += unaccounted
    return blames


def _of_path(timed_out: Attribution | None) -> Blame:
    largest = timed_out.largest if timed_out is not None else None
    if timed_out is None or largest is None or timed_out.share_of(Party.UNKNOWN).mean_ms > largest.mean_ms:
        return Blame(Party.UNKNOWN, "operations did not end in time")
    return Blame(largest.party, f"operations did not end in time: {timed_out.text}")


def _ran_function(row: Row) -> bool | None:
    times = read_host_times(row["start_at_host"] or "")
    return None if times is None else times.has_function


def _pieces(one: RecordedOperation, metric: str) -> list[Segment]:
    """Return the pieces of what a figure measures."""
    if metric == "start_ms":
        return pieces_of_start(one)
    if metric in ("poll_ms", "polling_ms"):
        return pieces_of_poll(one)
    begin_ns, end_ns = _span(one, metric)
    return [] if begin_ns is None or end_ns is None else clipped(pieces_of(one), begin_ns, end_ns)


def _span(one: RecordedOperation, metric: str) -> tuple[int | None, int | None]:
    spans: Mapping[str, tuple[int | None, int | None]] = {
        "finish_ms": (one.from_ns, one.ended_ns),
        "slip_ms": (one.from_ns, one.start.sent_ns),
        "queueing_ms": (one.created_ns, one.running_ns),
        "execution_ms": (one.running_ns, one.ended_ns),
        "server_completion_ms": (one.created_ns, one.ended_ns),
        "detection_lag_ms": (one.ended_ns, one.seen_ns),
    }
    return spans.get(metric, (one.from_ns, one.seen_ns))


def _limits(known: Sequence[Explanation], timelines: Iterable[Iterable[Segment]]) -> dict[Part, str]:
    """Return the settings of the host that decide how long work waits for it."""
    limits = next((found.facts.limits for found in known if found.facts.limits), {})
    hints = {}
    if "threads" in limits:
        hints[Part.THREAD] = f"{THREADS} is {limits['threads']}"
    kinds = Counter[str]()
    for segment in (piece for timeline in timelines for piece in timeline if piece.part is Part.SLOT):
        kinds[segment.work] += segment.length_ns
    settings = [SLOTS[kind][:2] for kind, length_ns in kinds.most_common() if length_ns >= LEAST_SHARE * kinds.total()]
    words = [f"{setting} is {limits[limit_name]}" for setting, limit_name in settings if limit_name in limits]
    return {**hints, Part.SLOT: ", ".join(words)} if words else hints


def _exchange(sent_s: float, answered_s: float, at_host: str | None) -> TimedRequest:
    times = read_host_times(at_host or "")
    moments = () if times is None else times
    return TimedRequest(_ns(sent_s) or 0, _ns(answered_s) or 0, *moments)


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)
