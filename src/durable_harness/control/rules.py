"""Which work is struck by which fault: a number of items, or each with a probability, chosen by a seed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict, Unpack

START = "start"
"""The first turn of each orchestration that a client started: one work item of each operation."""
MAX_STRUCK = 10_000
"""How many of the items and completions that were struck are remembered."""


class Fault(StrEnum):
    """What can happen to a work item on its way to the worker, or to the completion on its way back."""

    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    REFUSE = "refuse"
    OVERSIZE = "oversize"


class FaultSettings(TypedDict, total=False):
    """The settings that a fault has beside what it strikes."""

    back_after_s: float | None
    """Of DROP: when the item is given back; None is when the fault ends."""
    least_s: float
    """Of DELAY, as `most_s`: between which the delay is."""
    most_s: float
    size_bytes: int
    """Of OVERSIZE."""


@dataclass
class Rule:
    """One fault and what it strikes. `count` None is any number."""

    number: int
    fault: Fault
    kinds: frozenset[str]
    names: frozenset[str]
    count: int | None
    probability: float
    chance: random.Random
    settings: FaultSettings
    struck: list[dict[str, str | float]] = field(default_factory=list)

    def strikes(self, kind: str, name: str, instance_id: str) -> bool:
        """Decide about one item or completion, and note it if it is struck."""
        fits = kind in self.kinds and (not self.names or name.lower() in self.names)
        if not fits or self.count == 0 or self.chance.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        if len(self.struck) < MAX_STRUCK:
            at = time.time()
            self.struck.append({"kind": kind, "name": name, "instance_id": instance_id, "at_s": at})
        return True


class Rules:
    """The faults that are to happen, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._rules: dict[int, Rule] = {}
        self._made = 0

    def add(  # noqa: PLR0913 - what a fault is
        self,
        fault: str,
        *,
        kinds: list[str],
        names: list[str],
        count: int | None,
        probability: float,
        seed: str,
        **settings: Unpack[FaultSettings],
    ) -> Rule:
        """Make a fault happen from now on. Raises ValueError for an unknown fault."""
        self._made += 1
        chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        lowered = frozenset(name.lower() for name in names)
        rule = Rule(self._made, Fault(fault), frozenset(kinds), lowered, count, probability, chance, settings)
        self._rules[rule.number] = rule
        return rule

    def get(self, number: int) -> Rule:
        """Return a rule, also one that has ended. Raises ValueError if there is none: the process is another one."""
        if number not in self._rules:
            raise ValueError(f"fault {number} is unknown here: the host was started again since it was injected")
        return self._rules[number]

    def striking(self, *faults: Fault, kind: str, name: str, instance_id: str) -> Iterator[Rule]:
        """Yield the rules that strike an item or a completion with one of these faults."""
        for rule in list(self._rules.values()):
            if rule.fault in faults and rule.strikes(kind, name, instance_id):
                yield rule

    def end(self, number: int | None = None) -> None:
        """End one fault, or all of them."""
        for rule in self._rules.values() if number is None else [self.get(number)]:
            rule.count = 0
