"""The shares of the parties in the time of some operations, each with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from durable_harness.gate.who.parties import Party, party_of, words_of
from durable_harness.why.entity_names import shown_names, summed
from durable_harness.why.segments import Part, Segment
from durable_harness.wording.lengths import NS_PER_MS

LEAST_SHARE = 0.005
"""Causes below this share of the whole are not listed."""
LEAST_NAMED = 0.02
"""Parties below this share are in no sentence, and causes not in the evidence that it gives."""
MOST_CAUSES = MOST_NAMES = 3
"""In a sentence, which is to stay one line of a report."""
ALL_OF_IT = 0.995
"""From this part on one name has the whole cause: in whole percents the others have nothing."""
NAMED = frozenset({Part.CODE, Part.ORCHESTRATOR, Part.REPLAY, Part.LOOP, Part.ENTITY, Part.EVENT, Part.DISPATCH})
"""Parts whose evidence names a function, an entity or an event."""


class Named(NamedTuple):
    """What something of the app spent, in the mean of the operations."""

    name: str
    mean_ms: float


@dataclass(frozen=True, slots=True)
class ShareCause:
    """On what a party spent time, in the mean of the operations. `hint` is the setting that decides it."""

    part: str
    label: str
    mean_ms: float
    names: tuple[Named, ...] = ()
    """What of the app it belongs to, the largest first."""
    hint: str = ""

    @property
    def text(self) -> str:
        """What it is and how long it took; of several functions what each took."""
        hint = f", {self.hint}" if self.hint else ""
        if self.names and self.names[0].mean_ms >= ALL_OF_IT * self.mean_ms:
            return f"{self.label} '{self.names[0].name}' {_ms(self.mean_ms)}{hint}"
        worth = [one for one in self.names if one.mean_ms >= LEAST_NAMED * self.mean_ms][:MOST_NAMES]
        words = [f"'{one.name}' {_ms(one.mean_ms)}" for one in worth]
        more_ms = sum(one.mean_ms for one in self.names) - sum(one.mean_ms for one in worth)
        more = [f"{len(self.names) - len(worth)} more {_ms(more_ms)}"] if len(self.names) > len(worth) else []
        each = f": {', '.join([*words, *more])}" if words else ""
        return f"{self.label} {_ms(self.mean_ms)}{hint}{each}"


@dataclass(frozen=True, slots=True)
class Share:
    """What a party spent, in the mean of the operations, and on what: the largest first."""

    party: Party
    mean_ms: float
    share: float
    causes: tuple[ShareCause, ...] = ()

    @property
    def text(self) -> str:
        """The party and its share, with the evidence: `app 71 % (code of activities 'work' 210 ms)`."""
        worth = [cause for cause in self.causes if cause.mean_ms * self.share >= LEAST_NAMED * self.mean_ms]
        shown = "; ".join(cause.text for cause in worth[:MOST_CAUSES])
        return f"{self.party} {100 * self.share:.0f} %" + (f" ({shown})" if shown else "")


@dataclass(frozen=True, slots=True)
class Attribution:
    """How the time of some operations is split between the parties."""

    operations: int
    mean_ms: float
    """What the shares come to."""
    shares: tuple[Share, ...]
    """The largest first."""
    clock_error_ms: float = 0.0
    """By how much moments of two machines may be apart; 0 on one machine."""
    not_known: str = ""
    """Why a share is not known, if the reason is known."""

    @property
    def largest(self) -> Share | None:
        """The largest share of a known party; None if no party is known."""
        return next((share for share in self.shares if share.party is not Party.UNKNOWN), None)

    def share_of(self, party: Party) -> Share:
        """Return a party's share, which may be nothing."""
        return next((share for share in self.shares if share.party is party), Share(party, 0.0, 0.0))

    @property
    def text(self) -> str:
        """Name the parties in the order of their shares, each with its evidence."""
        shown = [share.text for share in self.shares if share.share >= LEAST_NAMED]
        clocks = f"; clocks compared to ±{_ms(self.clock_error_ms)}" if self.clock_error_ms else ""
        return f"{', '.join(shown)} of {_ms(self.mean_ms)}{clocks}"


class _Key(NamedTuple):
    party: Party
    part: Part
    by: str


def attribute(
    timelines: Sequence[Iterable[Segment]],
    hints: Mapping[Part, str] | None = None,
    *,
    clock_error_ms: float = 0.0,
    not_known: str = "",
) -> Attribution | None:
    """Return the shares in the mean of some operations, whose pieces have no gaps; None without any time."""
    sums, names = Counter[_Key](), dict[_Key, Counter[str]]()
    for segment in (piece for timeline in timelines for piece in timeline):
        key = _Key(party_of(segment), segment.part, segment.by if segment.part is Part.HARNESS else "")
        sums[key] += segment.length_ns
        names.setdefault(key, Counter())[segment.name] += segment.length_ns
    names = {key: summed(lengths_ns, shown_names(lengths_ns)) for key, lengths_ns in names.items()}
    total_ns = sum(sums.values())
    if total_ns <= 0:
        return None
    per_ms = NS_PER_MS * len(timelines)
    causes = {
        key: _cause(key, length_ns / per_ms, {name: ns / per_ms for name, ns in names[key].most_common()}, hints or {})
        for key, length_ns in sums.most_common()
        if length_ns > 0
    }
    shares = [_share(party, causes, total_ns / per_ms) for party in {key.party for key in causes}]
    order = sorted(shares, key=lambda share: (-share.mean_ms, share.party))
    return Attribution(len(timelines), total_ns / per_ms, tuple(order), clock_error_ms, not_known)


def _cause(key: _Key, mean_ms: float, names_ms: Mapping[str, float], hints: Mapping[Part, str]) -> ShareCause:
    names = (Named(name, own_ms) for name, own_ms in names_ms.items() if name and own_ms and key.part in NAMED)
    part = f"{key.part}_{key.by}" if key.by else str(key.part)
    return ShareCause(part, words_of(key.part, key.by), mean_ms, tuple(names), hints.get(key.part, ""))


def _share(party: Party, causes: Mapping[_Key, ShareCause], whole_ms: float) -> Share:
    own = [cause for key, cause in causes.items() if key.party is party]
    mean_ms = sum(cause.mean_ms for cause in own)
    shown = tuple(cause for cause in own if cause.mean_ms >= LEAST_SHARE * whole_ms)
    return Share(party, mean_ms, mean_ms / whole_ms, shown)


def _ms(value: float) -> str:
    if value >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 10 else f"{value:.2g} ms"  # noqa: PLR2004 - three digits
