"""Which party grew from a base to a head, of operations of both that were split."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import Attribution, ShareCause

LEAST_MS = 0.05
"""Smaller differences would be shown as 0.0 ms."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A party's time in the mean operation of base and head, and on what the head spends more."""

    party: Party
    base_ms: float
    head_ms: float
    most: ShareCause | None = None
    """What grew most, as it is in the head."""

    @property
    def by_ms(self) -> float:
        return self.head_ms - self.base_ms

    @property
    def text(self) -> str:
        what = f", {self.most.text}" if self.most is not None else ""
        return f"{self.party} {self.by_ms:+.1f} ms ({self.base_ms:.1f} to {self.head_ms:.1f} ms{what})"


def growth(base: Attribution, head: Attribution) -> tuple[Grown, ...]:
    """Return what every party grew by, the largest growth first."""
    grown = [
        Grown(party, base.share_of(party).mean_ms, head.share_of(party).mean_ms, _most(party, base, head))
        for party in Party
    ]
    shown = [one for one in grown if abs(one.by_ms) >= LEAST_MS]
    return tuple(sorted(shown, key=lambda one: -one.by_ms))


def growth_sentence(base: Attribution, head: Attribution) -> str:
    """Return which parties account for the difference, the largest growth first."""
    by_ms = head.mean_ms - base.mean_ms
    parts = ", ".join(one.text for one in growth(base, head))
    operations = f"{base.operations} operations of the base and {head.operations} of the head"
    return f"{by_ms:+.1f} ms in the mean: {parts or 'no party changed'} ({operations})"


def _most(party: Party, base: Attribution, head: Attribution) -> ShareCause | None:
    """Return what grew most: of a cause with names the one name that did."""
    causes = base.share_of(party).causes
    # A base that was recorded before there were times by name has the whole causes alone.
    whole = frozenset(cause.part for cause in causes if not cause.names)
    before = {_identity(cause): cause.mean_ms for cause in _by_name(base, party, whole)}
    grown = [(cause.mean_ms - before.get(_identity(cause), 0.0), cause) for cause in _by_name(head, party, whole)]
    by_ms, cause = max(grown, key=lambda pair: pair[0], default=(0.0, None))
    return cause if by_ms >= LEAST_MS else None


def _by_name(found: Attribution, party: Party, whole: Container[str]) -> Iterator[ShareCause]:
    """Yield the causes, those with names once for each name, unless they are to be left whole."""
    for cause in found.share_of(party).causes:
        if not cause.names or cause.part in whole:
            yield replace(cause, names=())
            continue
        for named in cause.names:
            yield replace(cause, mean_ms=named.mean_ms, names=(named,))


def _identity(cause: ShareCause) -> tuple[str, ...]:
    return (cause.part, *(named.name for named in cause.names))
