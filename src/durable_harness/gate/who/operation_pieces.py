"""The time of one operation from where it counts until its end was seen, without a gap: whose each piece of it is.

Moments are nanoseconds since the epoch. Those of the host and the scheduler are by the server's clock; `ClockOffset` is
what to add to them for the clock here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from durable_harness.why.segments import Part, Segment, split_by, tiled

SAME_MACHINE_NS = 5_000_000
"""How far the clocks of one machine's processes may seem to be apart: one of them may have been slewed."""
OF_REQUESTS = frozenset({Part.WAY, Part.HTTP})


@dataclass(frozen=True, slots=True)
class TimedRequest:
    """A request and its answer. The host's moments are 0 if it does not report them; `late_ns` is its event loop's."""

    sent_ns: int
    answered_ns: int
    """Received here, whole."""
    at_host_ns: int = 0
    asked_ns: int = 0
    begun_ns: int = 0
    ended_ns: int = 0
    left_host_ns: int = 0
    late_ns: int = 0


@dataclass(frozen=True, slots=True)
class RecordedOperation:
    """One operation: what the generator recorded, what the host reported of two requests, and its critical path."""

    from_ns: int
    """From where its completion counts."""
    start: TimedRequest
    seen_ns: int
    poll: TimedRequest | None = None
    """The one that saw the end."""
    poll_due_ns: int | None = None
    pool_ns: int = 0
    connect_ns: int = 0
    """What came last before the start was sent: waiting for a free connection, connecting."""
    created_ns: int | None = None
    running_ns: int | None = None
    ended_ns: int | None = None
    path: tuple[Segment, ...] = ()
    held: tuple[Segment, ...] = ()
    """When code of the app kept the host's event loop to itself."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What to add to the server's times for those here, and by how much that may be wrong."""

    offset_ns: int = 0
    error_ns: int = 0


def clock_of(operations: Iterable[RecordedOperation], *, is_here: bool) -> ClockOffset | None:
    """Compare the two clocks by requests whose receipt and answer the host reports; None if they cannot be compared.

    Nothing is received before it was sent. So each request and each answer is a bound on the offset.
    """
    operations = list(operations)
    exchanges = [one for each in operations for one in (each.start, each.poll) if one is not None and one.at_host_ns]
    least = [one.sent_ns - one.at_host_ns for one in exchanges]
    most = [one.answered_ns - one.left_host_ns for one in exchanges]
    least += [one.start.sent_ns - one.created_ns for one in operations if one.created_ns is not None]
    most += [one.seen_ns - one.ended_ns for one in operations if one.ended_ns is not None]
    if not least or not most:
        return None
    low, high = max(least), min(most)
    if is_here and low <= SAME_MACHINE_NS and high >= -SAME_MACHINE_NS:
        return ClockOffset()
    if not exchanges or low > high:
        return None
    return ClockOffset((low + high) // 2, (high - low) // 2)


def on_this_clock(one: RecordedOperation, clock: ClockOffset | None) -> RecordedOperation:
    """Return an operation with all moments by the clock here.

    Without a common clock its path is put right behind its start: what is not of it is the two requests'.
    """
    if clock is None:
        if one.created_ns is None or one.ended_ns is None:
            return replace(one, start=_bare(one.start), poll=None, poll_due_ns=None, path=())
        bare = replace(one, start=_bare(one.start), poll=None, poll_due_ns=None)
        return _shifted(bare, one.start.sent_ns - one.created_ns)
    return _shifted(one, clock.offset_ns)


def pieces_of(one: RecordedOperation) -> list[Segment]:
    """Return the pieces of an operation, all moments by one clock; they follow one another without a gap."""
    pieces = [*_before(one), *_start(one), *one.path, *_detection(one)]
    return list(tiled(pieces, one.from_ns, one.seen_ns, Segment(Part.UNKNOWN, 0, 0)))


def pieces_of_start(one: RecordedOperation) -> list[Segment]:
    """Return the pieces of its start request, from sending it until its answer had come."""
    start = one.start
    pieces = _requested(start, one.held) or [Segment(Part.START, start.sent_ns, start.answered_ns)]
    return list(tiled(pieces, start.sent_ns, start.answered_ns, Segment(Part.UNKNOWN, 0, 0)))


def pieces_of_poll(one: RecordedOperation) -> list[Segment]:
    """Return the pieces of the poll that saw its end; an empty list if it is not known."""
    if one.poll is None:
        return []
    whole = Segment(Part.DETECTION, one.poll.sent_ns, one.poll.answered_ns)
    pieces = _requested(one.poll, one.held) or [whole]
    return list(tiled(pieces, whole.from_ns, whole.to_ns, Segment(Part.UNKNOWN, 0, 0)))


def clipped(pieces: Iterable[Segment], from_ns: int, to_ns: int) -> list[Segment]:
    """Return what lies within a span."""
    return [
        replace(one, from_ns=max(one.from_ns, from_ns), to_ns=min(one.to_ns, to_ns))
        for one in pieces
        if one.from_ns < to_ns and one.to_ns > from_ns
    ]


def _before(one: RecordedOperation) -> Iterator[Segment]:
    """Yield what was before the start was sent, the latest piece cut first if they come to too much."""
    sent_ns = one.start.sent_ns
    connecting_ns = max(one.from_ns, sent_ns - one.connect_ns)
    waiting_ns = max(one.from_ns, connecting_ns - one.pool_ns)
    yield Segment(Part.SLIP, one.from_ns, waiting_ns)
    yield Segment(Part.CONNECTION, waiting_ns, connecting_ns)
    yield Segment(Part.CONNECTING, connecting_ns, sent_ns)


def _start(one: RecordedOperation) -> list[Segment]:
    """Return what the start went through until its operation was there."""
    start, until_ns = one.start, one.created_ns
    if until_ns is None:
        return [Segment(Part.START, start.sent_ns, start.answered_ns)]
    pieces = _requested(start, one.held) or [Segment(Part.START, start.sent_ns, until_ns)]
    return clipped(pieces, start.sent_ns, until_ns)


def _detection(one: RecordedOperation) -> list[Segment]:
    """Return what passed between the end and its being seen."""
    if one.ended_ns is None:
        return []
    if one.poll is None:
        return [Segment(Part.DETECTION, one.ended_ns, one.seen_ns)]
    due_ns = one.poll.sent_ns if one.poll_due_ns is None else min(one.poll_due_ns, one.poll.sent_ns)
    waits = [Segment(Part.POLLING, one.ended_ns, due_ns), Segment(Part.SLIP, due_ns, one.poll.sent_ns)]
    return clipped([*waits, *pieces_of_poll(one)], one.ended_ns, one.seen_ns)


def _requested(exchange: TimedRequest, held: Sequence[Segment]) -> list[Segment]:
    """Return the pieces of a request that the host reports; an empty list for any other."""
    if not exchange.at_host_ns:
        return []
    come_ns, left_ns = exchange.at_host_ns, exchange.left_host_ns
    read_ns = max(exchange.sent_ns, come_ns - exchange.late_ns)
    pieces = [
        Segment(Part.WAY, exchange.sent_ns, read_ns),
        Segment(Part.HTTP, read_ns, come_ns),
        *_at_host(exchange, come_ns, left_ns),
        Segment(Part.WAY, left_ns, exchange.answered_ns),
    ]
    # Clocks may be a little apart.
    whole = [one for one in pieces if one.to_ns > one.from_ns]
    return list(split_by(whole, list(held), OF_REQUESTS))


def _at_host(exchange: TimedRequest, come_ns: int, left_ns: int) -> Iterator[Segment]:
    if not exchange.begun_ns:
        yield Segment(Part.HTTP, come_ns, left_ns)
        return
    asked_ns = exchange.asked_ns or exchange.begun_ns
    yield Segment(Part.HTTP, come_ns, asked_ns)
    yield Segment(Part.THREAD, asked_ns, exchange.begun_ns)
    yield Segment(Part.HTTP_CODE, exchange.begun_ns, exchange.ended_ns or left_ns)
    yield Segment(Part.HTTP, exchange.ended_ns or left_ns, left_ns)


def _bare(exchange: TimedRequest) -> TimedRequest:
    return TimedRequest(exchange.sent_ns, exchange.answered_ns)


def _shifted(one: RecordedOperation, offset_ns: int) -> RecordedOperation:
    def moved(moment_ns: int | None) -> int | None:
        return None if moment_ns is None else moment_ns + offset_ns

    return replace(
        one,
        start=_exchange_shifted(one.start, offset_ns),
        poll=None if one.poll is None else _exchange_shifted(one.poll, offset_ns),
        created_ns=moved(one.created_ns),
        running_ns=moved(one.running_ns),
        ended_ns=moved(one.ended_ns),
        path=tuple(_moved(piece, offset_ns) for piece in one.path),
        held=tuple(_moved(piece, offset_ns) for piece in one.held),
    )


def _moved(piece: Segment, offset_ns: int) -> Segment:
    return replace(piece, from_ns=piece.from_ns + offset_ns, to_ns=piece.to_ns + offset_ns)


def _exchange_shifted(one: TimedRequest, offset_ns: int) -> TimedRequest:
    names = ("at_host_ns", "asked_ns", "begun_ns", "ended_ns", "left_host_ns")
    moments = {name: getattr(one, name) for name in names}
    return replace(one, **{name: at_ns and at_ns + offset_ns for name, at_ns in moments.items()})
