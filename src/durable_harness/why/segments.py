"""The pieces that a critical path is made of: each has a kind, a beginning and an end, and they do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

HOST, SCHEDULER = "host", "scheduler"


class Part(StrEnum):
    """What time can be spent on. The values are those of reports and JSON."""

    SLIP = "slip"
    START = "start"
    DISPATCH = "dispatch"
    SLOT = "slot"
    THREAD = "thread"
    LOOP = "loop"
    CODE = "code"
    ORCHESTRATOR = "orchestrator"
    REPLAY = "replay"
    TIMER = "timer"
    RETRY = "retry"
    EVENT = "event"
    SUSPENDED = "suspended"
    ENTITY = "entity"
    HARNESS = "harness"
    ACTIVITY_WHOLE = "activity_whole"
    TURN_WHOLE = "turn_whole"
    DETECTION = "detection"
    REQUESTS = "requests"
    UNKNOWN = "unknown"
    CONNECTION = "connection"
    CONNECTING = "connecting"
    POLLING = "polling"
    WAY = "way"
    HTTP = "http"
    HTTP_CODE = "http_code"


LABELS: Mapping[Part, str] = {
    Part.SLIP: "late start by the generator",
    Part.START: "the start request",
    Part.DISPATCH: "wait for dispatch",
    Part.SLOT: "wait for a slot",
    Part.THREAD: "wait for a thread",
    Part.LOOP: "wait for the event loop",
    Part.CODE: "code of activities and entities",
    Part.ORCHESTRATOR: "code of orchestrators",
    Part.REPLAY: "replay",
    Part.TIMER: "timers",
    Part.RETRY: "delays between retries",
    Part.EVENT: "external events",
    Part.SUSPENDED: "suspended",
    Part.ENTITY: "busy or locked entities",
    Part.HARNESS: "host and scheduler",
    Part.ACTIVITY_WHOLE: "activities, waits included",
    Part.TURN_WHOLE: "orchestrator turns, waits included",
    Part.DETECTION: "detection lag",
    Part.REQUESTS: "start request and detection lag",
    Part.UNKNOWN: "not known",
    Part.CONNECTION: "wait for a free connection",
    Part.CONNECTING: "connecting",
    Part.POLLING: "wait for the next poll",
    Part.WAY: "requests and answers under way",
    Part.HTTP: "HTTP requests at the host",
    Part.HTTP_CODE: "code of HTTP functions",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a path. `name` is what of the app it belongs to; `detail` says more where there is more to say."""

    part: Part
    from_ns: int
    to_ns: int
    name: str = ""
    work: str = ""
    """The kind of work whose stage it is: turn, activity or entity; empty if it is not a stage."""
    by: str = ""
    """Of a piece between host and scheduler: HOST or SCHEDULER, whichever had to act."""

    @property
    def length_ns(self) -> int:
        return self.to_ns - self.from_ns


def tiled(segments: Iterable[Segment], from_ns: int, to_ns: int, filler: Segment) -> Iterator[Segment]:
    """Cut segments to a span and fill its gaps, so that every moment of it is in one segment."""
    at_ns = from_ns
    for segment in sorted(segments, key=lambda one: (one.from_ns, one.to_ns)):
        begin_ns, end_ns = max(segment.from_ns, at_ns), min(segment.to_ns, to_ns)
        if end_ns <= begin_ns:
            continue
        if begin_ns > at_ns:
            yield replace(filler, from_ns=at_ns, to_ns=begin_ns)
        yield replace(segment, from_ns=begin_ns, to_ns=end_ns)
        at_ns = end_ns
    if to_ns > at_ns:
        yield replace(filler, from_ns=at_ns, to_ns=to_ns)


def split_by(
    segments: Iterable[Segment], held: list[Segment], parts: frozenset[Part] = frozenset({Part.HARNESS})
) -> Iterator[Segment]:
    """Attribute the host's delays in some parts to the code that held up its event loop at that time."""
    for segment in segments:
        if segment.part not in parts:
            yield segment
            continue
        inside = [one for one in held if one.from_ns < segment.to_ns and one.to_ns > segment.from_ns]
        yield from tiled(inside, segment.from_ns, segment.to_ns, segment)


def totals(segments: Iterable[Segment]) -> dict[Part, int]:
    """Return the nanoseconds of each part, the largest first."""
    sums: dict[Part, int] = {}
    for segment in segments:
        sums[segment.part] = sums.get(segment.part, 0) + segment.length_ns
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
