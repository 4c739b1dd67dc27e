"""What became of work that was delivered twice, by function: kept as counts, and the latest ones for tests."""

from __future__ import annotations

import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from durable_harness.host.twice.answer_comparison import Answer
from durable_harness.host.twice.effects import Effect, Scope
from durable_harness.host.twice.watching import Watched
from durable_harness.twice_report import merged

MOST_RECORDS = 10_000
MOST_OPEN = 10_000
"""How many first deliveries wait for their second; one that never comes was given back."""


@dataclass(frozen=True)
class Delivered:
    """A first delivery: what its function did, and its answers by the names that they are reported under."""

    answers: list[tuple[str, Answer]]
    scope: Scope
    outcome: object = field(repr=False, default=None)
    """What the runner returned."""
    state: Answer | None = None
    """The state of an entity after it."""


class TwiceRecords:
    """What is known of second deliveries in this process."""

    def __init__(
        self,
        is_delivered_twice: Callable[[str], bool],
        watched: Watched,
        counts_of: Callable[[str, str], str | None] = lambda _kind, _name: None,
    ) -> None:
        self.is_delivered_twice = is_delivered_twice
        """Whether the work of a completion token is delivered twice."""
        self.counts_of = counts_of
        """Which answer counts of work of a kind and a name, None if it is delivered once."""
        self.run = uuid.uuid4().hex
        """Distinguishes the numbers of this process from those of another one."""
        self.count = 0
        self._watched = watched
        self._open: OrderedDict[str, Delivered] = OrderedDict()
        self._kept: deque[tuple[int, dict[str, object]]] = deque(maxlen=MOST_RECORDS)
        self._faked: deque[tuple[int, str]] = deque(maxlen=MOST_RECORDS)
        self._total: dict[str, object] = merged([])

    def keep_first(self, token: str, delivered: Delivered) -> None:
        self._open[token] = delivered
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)

    def take_first(self, token: str) -> Delivered | None:
        return self._open.pop(token, None)

    def add(self, function: dict[str, object]) -> None:
        """Keep how one piece of work fared."""
        self.count += 1
        self._kept.append((self.count, function))
        self._total = merged([self._total, {"functions": [function]}])

    def note_faked(self, name: str) -> None:
        """Keep that a test answered for a function both times: nothing of it could be compared."""
        self.count += 1
        self._faked.append((self.count, name))

    def report(self) -> dict[str, object]:
        """Return what is known of all work so far."""
        return {**self._total, "watched": self._watched.as_json()}

    def report_since(self, since: int, run: str) -> dict[str, object]:
        """Return what is known from a number on; all of it if that is the number of a process that is gone."""
        first = since if run == self.run else 0
        kept = [function for number, function in self._kept if number > first]
        faked = sorted({name for number, name in self._faked if number > first})
        document = {**merged([{"functions": kept}]), "watched": self._watched.as_json()}
        return {**document, "faked": faked, "isOfAnotherHost": run != self.run}


def repeated(first: Iterable[Effect], second: Iterable[Effect]) -> tuple[list[str], list[str]]:
    """Return the effects of a second delivery: those that the outside has twice, and those that it can distinguish."""
    known = {(one.kind, one.identity) for one in first if one.is_repeatable}
    twice: list[str] = []
    again: list[str] = []
    for effect in second:
        (again if (effect.kind, effect.identity) in known else twice).append(effect.text)
    return twice, again
