"""An explanation as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from durable_harness.terminal.tables import aligned
from durable_harness.why.explanation import Explanation
from durable_harness.why.segments import LABELS, Segment
from durable_harness.why.waiting import wait_lines
from durable_harness.wording.lengths import readable

MOST_PIECES = 12
FIGURES = 2
"""The columns of figures that a row begins with."""
LEAST_SHARE = 0.005
"""The listing of a path has its longest pieces, none below this share of the whole; it says how many are left out."""


def as_lines(explained: Explanation) -> Iterator[str]:
    """Yield the lines: the whole, what it waits for now, the parts, the findings, the path."""
    yield _head(explained)
    yield from (f"Waits now for {line}" for line in wait_lines(explained.waits))
    yield from _parts(explained)
    yield from (f"-> {finding.text}" for finding in explained.findings)
    yield from (f"Not known: {what}" for what in explained.not_known)
    yield from _path(explained)


def _head(explained: Explanation) -> str:
    facts, total_ns = explained.facts, explained.total_ns
    took = "" if total_ns is None else f", {readable(total_ns)} from its creation until {_end(explained)}"
    return f"Instance '{facts.instance_id}' of orchestrator '{facts.orchestrator}': {facts.status.lower()}{took}"


def _end(explained: Explanation) -> str:
    if explained.facts.has_ended:
        return "its end"
    return "now" if explained.facts.now_ns is not None else "the last event of its history"


def _parts(explained: Explanation) -> list[str]:
    total_ns = explained.total_ns or 0
    rows = (
        (f"{part_ns / total_ns if total_ns else 0.0:.1%}", readable(part_ns), LABELS[part])
        for part, part_ns in explained.parts.items()
    )
    return aligned(rows, right=range(FIGURES))


def _path(explained: Explanation) -> Iterator[str]:
    total_ns = explained.total_ns or 0
    pieces = list(joined(explained.path))
    long = [one for one in pieces if one.length_ns >= LEAST_SHARE * total_ns]
    longest = sorted(long, key=lambda one: -one.length_ns)[:MOST_PIECES]
    shown = sorted(longest, key=lambda one: one.from_ns)
    if not shown:
        return
    yield "The critical path:"
    rows = ((readable(piece.from_ns - explained.facts.created_ns), *_piece(piece)) for piece in shown)
    yield from (f"  at {line}" for line in aligned(rows, right=range(FIGURES)))
    if len(shown) < len(pieces):
        yield f"  and {len(pieces) - len(shown)} shorter pieces"


def _piece(piece: Segment) -> tuple[str, str, str]:
    return readable(piece.length_ns), LABELS[piece.part], piece.name


def joined(path: Iterable[Segment]) -> Iterator[Segment]:
    """Join neighbours that are the same part of the same thing."""
    last: Segment | None = None
    for piece in path:
        if last is not None and (last.part, last.name) == (piece.part, piece.name):
            last = Segment(last.part, last.from_ns, piece.to_ns, last.name, last.work)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
