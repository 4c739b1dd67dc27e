"""Where operations near the percentiles of completion spent their time: the mean of their critical paths.

What lies between the clock here and that of the service is one part, unless both are on this machine: no difference of
two machines' clocks is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from durable_harness.gate.paths import PathPart, PathsAt
from durable_harness.load.audit.samples import Row, completion_ms
from durable_harness.why import LABELS, Explanation, Part, Segment
from durable_harness.why.findings import findings_of
from durable_harness.why.segments import totals
from durable_harness.wording.lengths import NS_PER_MS

HERE = frozenset({"localhost", "127.0.0.1", "::1"})
NO_PATH = "neither the notes of a host nor a history of these operations could be read"


def is_here(home: str) -> bool:
    """Return whether a service is on this machine, so that both have one clock."""
    return urlsplit(home).hostname in HERE


def paths_at(percent: int, group: Sequence[Row], explained: Sequence[Explanation | None], home: str) -> PathsAt:
    """Return the mean path of operations near a percentile, as far as they are explained."""
    known = [(one, found) for one, found in zip(group, explained, strict=True) if found is not None and found.path]
    if not known:
        mean_ms = sum(map(completion_ms, group)) / len(group)
        return PathsAt(percent, mean_ms, len(group), unknown=NO_PATH)
    has_one_clock = is_here(home)
    whole = [segment for one, found in known for segment in _whole_path(one, found, has_one_clock=has_one_clock)]
    means = {part: ns / NS_PER_MS / len(known) for part, ns in totals(whole).items()}
    middle = known[len(known) // 2][1]
    return PathsAt(
        percent,
        sum(completion_ms(one) for one, _ in known) / len(known),
        len(known),
        tuple(PathPart(part.value, LABELS[part], mean_ms) for part, mean_ms in means.items() if mean_ms > 0),
        tuple(finding.text for finding in findings_of(middle.facts, whole, len(known))),
        unknown="; ".join(middle.not_known),
    )


def _whole_path(one: Row, found: Explanation, *, has_one_clock: bool) -> Iterator[Segment]:
    """Yield the path of an operation from where its completion counts until its end was seen."""
    yield from found.path
    yield _lasting(Part.SLIP, (one["sent_s"] - one["from_s"]) * 1e9)
    request_ns = found.facts.created_ns - one["sent_s"] * 1e9
    lag_ns = one["seen_s"] * 1e9 - found.facts.until_ns
    if has_one_clock and request_ns >= 0 and lag_ns >= 0:
        yield _lasting(Part.START, request_ns)
        yield _lasting(Part.DETECTION, lag_ns)
    else:
        yield _lasting(Part.REQUESTS, (one["seen_s"] - one["sent_s"]) * 1e9 - (found.total_ns or 0))


def _lasting(part: Part, length_ns: float) -> Segment:
    return Segment(part, 0, max(0, round(length_ns)))
