"""Work that is delivered twice, as a service does that has not got an answer: the work was done, and is done again.

The lease stays where it is. The answer to the first delivery is kept back and the item is sent again. One of the two
answers then counts: the second, if the first is taken to be lost, or the first, if it is taken to come late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import StrEnum

from durable_harness.protocol import copy_of, pb
from durable_harness.protocol.activity_names import shown_name
from durable_harness.protocol.work_kinds import Kind

Answer = pb.ActivityResponse | pb.EntityBatchResult
KINDS = frozenset({Kind.ACTIVITY, Kind.ENTITY})
SETTLE_INTERVAL_S = 0.005


class Counts(StrEnum):
    """The answer that counts."""

    SECOND = "second"
    """The first one is withheld after the work was done."""
    FIRST = "first"
    """It comes late, and the second one is refused."""


@dataclass(frozen=True)
class Policy:
    """What is delivered twice. `names` are in lower case; None is every activity and every entity."""

    names: frozenset[str] | None = None
    counts: Counts = Counts.SECOND

    def covers(self, kind: str, name: str) -> bool:
        """Whether work of this name is delivered twice."""
        if kind not in KINDS:
            return False
        return self.names is None or shown_name(name).lower() in self.names


@dataclass
class _Delivery:
    """Work that was sent once, or twice once there is a first answer."""

    work: tuple[str, str]
    stream: object
    counts: Counts
    again: pb.WorkItem
    send: Callable[[pb.WorkItem], None]
    first: Answer | None = None


class Deliveries:
    """The work that is under way for the first or the second time, by its completion token."""

    def __init__(self) -> None:
        self.base: Policy | None = None
        """Applies unless a test asks for another one; None delivers nothing twice."""
        self._asked: tuple[Policy | None] | None = None
        self._open: dict[str, _Delivery] = {}

    @property
    def policy(self) -> Policy | None:
        return self.base if self._asked is None else self._asked[0]

    def ask(self, policy: Policy | None) -> None:
        """Apply another policy until `end`."""
        self._asked = (policy,)

    def end(self) -> None:
        """Go back to the policy that the process was started with. What is under way stays what it is."""
        self._asked = None

    def counts_of(self, kind: str, name: str) -> str | None:
        """Return which answer counts of work of this name, None if it is delivered once."""
        policy = self.policy
        return str(policy.counts) if policy is not None and policy.covers(kind, name) else None

    def has(self, token: str) -> bool:
        """Whether the work of this token is, or was, delivered twice and has not ended."""
        return token in self._open

    def begin(
        self, item: pb.WorkItem, work: tuple[str, str], stream: object, send: Callable[[pb.WorkItem], None]
    ) -> None:
        """Note an item that is sent by a stream, if work of this kind and name is to be delivered twice."""
        policy = self.policy
        if policy is not None and policy.covers(*work):
            # A copy: whoever does the work may write into its item.
            self._open[item.completionToken] = _Delivery(work, stream, policy.counts, copy_of(item), send)

    def withholds(self, token: str, answer: Answer) -> bool:
        """Keep the answer to a first delivery back, and deliver again. False for any other answer."""
        delivery = self._open.get(token)
        if delivery is None or delivery.first is not None:
            return False
        delivery.first = answer
        delivery.send(delivery.again)
        return True

    def late_answer(self, token: str) -> Answer | None:
        """End work with its second answer; return the first one if that counts instead."""
        delivery = self._open.pop(token, None)
        return delivery.first if delivery is not None and delivery.counts is Counts.FIRST else None

    def forget(self, token: str) -> None:
        """Forget work that its worker has given back."""
        self._open.pop(token, None)

    def forget_stream(self, stream: object) -> None:
        """Forget the work of a stream that has ended: it is given back, and delivered under other tokens."""
        for token in [token for token, delivery in self._open.items() if delivery.stream is stream]:
            del self._open[token]

    async def settle(self, timeout_s: float, names: Container[str] = ()) -> bool:
        """Return when no work is between its two answers, and none of these names before its first, or after a while.

        Returns whether there was any.
        """
        deadline_s = time.monotonic() + timeout_s
        had_any = False
        while self._is_under_way(names) and time.monotonic() < deadline_s:
            had_any = True
            await asyncio.sleep(SETTLE_INTERVAL_S)
        return had_any

    def _is_under_way(self, names: Container[str]) -> bool:
        return any(one.first is not None or shown_name(one.work[1]).lower() in names for one in self._open.values())
