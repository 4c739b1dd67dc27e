"""Why operations did not complete, in groups: what differs from one operation to the next is taken out of the words."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from durable_harness.gate.summary import FailureReason

ReasonWire = tuple[str, str, str, str, int, bool, str]
"""A group as plain values: the state, the shared words, and the fields of `Group` in their order."""

MOST_REASONS = 100
"""An app with more kinds of errors has texts in them that differ each time: a longer list would not help its reader."""
CUT = "…"
"""Stands in a text that was too long for what was left out, at its end or in its middle."""
LEAST_COMMON = 60
"""Characters that two such texts have in common to be the same."""
OTHER_REASONS = "other reasons (the list is full)"
KEPT = re.compile(
    r"(?:\b(?:answered|then|read:|poll:|result:|HTTP|status|code|exit code|errno|signal)\s?\[?[1-9]\d{0,2}\b"
    r"|\bif [1-5]\d\d accepts it\b|\[[1-5]\d\d\]"
    r"|\.py:\d+|\bline \d+"
    r"|\b(?:after|within|than) [\d.]+ s\b)",
    re.IGNORECASE,
)
"""Numbers that are a part of the reason: HTTP codes, places in code, limits."""
VARYING = re.compile(
    r"(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b)"
    r"|(?P<id>\{id\}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"
    r"|\b(?=[\w-]*\d[\w-]*[A-Za-z]|[\w-]*[A-Za-z][\w-]*\d)[A-Za-z0-9_-]{16,}\b)"
    r"|(?P<number>(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?(?![\w]))",
    re.IGNORECASE,
)
"""Times, ids and tokens, numbers."""


@functools.lru_cache(maxsize=1024)
def grouped(reason: str) -> str:
    """Return the words that a reason shares with others of its kind: `{time}`, `{id}` and `{number}` for the rest."""
    parts: list[str] = []
    end = 0
    for kept in KEPT.finditer(reason):
        parts += [_without_values(reason[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*parts, _without_values(reason[end:])])


def _without_values(text: str) -> str:
    return VARYING.sub(lambda found: f"{{{found.lastgroup}}}", text)


def _are_one(words: str, other: str) -> bool:
    """Return whether two cut texts agree in all that both have kept."""
    (head, cut, tail), (other_head, other_cut, other_tail) = words.partition(CUT), other.partition(CUT)
    heads, tails = min(len(head), len(other_head)), min(len(tail), len(other_tail))
    if not (cut and other_cut) or heads + tails < LEAST_COMMON:
        return False
    same_tails = tail[len(tail) - tails :] == other_tail[len(other_tail) - tails :]
    return head[:heads] == other_head[:heads] and same_tails


@dataclass(slots=True)
class Group:
    """Reasons with the same words."""

    text: str
    """The first one, as it was."""
    instance: str = ""
    """The operation that it is of, where it has an id."""
    count: int = 0
    differs: bool = False
    """Whether another one of them has other values."""
    trace: str = ""
    """The ID of the operation in the service's traces."""


class Reasons:
    """Counts reasons by the state that operations ended in; what is beyond the most is counted together."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, state: str, reason: str, instance: str = "", trace: str = "") -> None:
        """Count an operation's reason."""
        self._take(str(state), grouped(reason), Group(reason, instance, 1, trace=trace))

    def merge(self, other: Reasons) -> None:
        """Add those of another process."""
        for (state, words), group in other._groups.items():
            self._take(state, words, group)

    def _take(self, state: str, words: str, group: Group) -> None:
        key = (state, words)
        if key not in self._groups and CUT in words:
            key = self._cut_elsewhere(state, words) or key
        if key not in self._groups and len(self._groups) >= MOST_REASONS:
            key, group = (state, OTHER_REASONS), Group(OTHER_REASONS, "", group.count)
        known = self._groups.setdefault(key, Group(group.text, group.instance, trace=group.trace))
        known.count += group.count
        known.differs = known.differs or group.differs or known.text != group.text

    def _cut_elsewhere(self, state: str, words: str) -> tuple[str, str] | None:
        """Return the group of the same text that was cut a little earlier or later: what was taken out was longer."""
        return next((key for key in self._groups if key[0] == state and _are_one(words, key[1])), None)

    def listed(self) -> tuple[FailureReason, ...]:
        """Return them, the most frequent first: in the words that all of a group share, with one of them in full."""
        most = sorted(self._groups.items(), key=lambda item: -item[1].count)
        return tuple(_shown(state, words, group) for (state, words), group in most)

    def to_wire(self) -> list[ReasonWire]:
        """Return a value of plain types that `from_wire` turns into equal reasons, in another process."""
        return [
            (state, words, group.text, group.instance, group.count, group.differs, group.trace)
            for (state, words), group in self._groups.items()
        ]

    @classmethod
    def from_wire(cls, wire: Iterable[ReasonWire]) -> Reasons:
        """Make the reasons that `to_wire` was called on."""
        made = cls()
        made._groups = {
            (state, words): Group(text, instance, count, differs, trace)
            for state, words, text, instance, count, differs, trace in wire
        }
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reasons) and sorted(self.to_wire()) == sorted(other.to_wire())

    __hash__ = None  # type: ignore[assignment] # it changes


def _shown(state: str, words: str, group: Group) -> FailureReason:
    example = group.text if group.differs else ""
    instance = f"instance {group.instance}" if group.instance else ""
    instance = ", ".join(filter(None, (instance, f"trace {group.trace}" if group.trace else "")))
    return FailureReason(
        state, words if group.differs else group.text, group.count, ": ".join(filter(None, (instance, example)))
    )


def reason_text(reason: FailureReason) -> str:
    """Return a reason on one line, with its example."""
    return f"{reason.reason} (such as {reason.example})" if reason.example else reason.reason
