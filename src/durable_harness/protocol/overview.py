"""What a scheduler of ours knows beyond the DTS protocol: its workers, the work that waits, entities inside, its clock.

For people who look at it. A scheduler elsewhere has none of that: its users have no `Overview`, and show
that it is not known. It costs operations nothing: it is collected when a page is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from durable_harness.protocol.run_again import RunAgain


class Reason(StrEnum):
    """Why work waits."""

    NO_WORKER = "no worker"
    """No worker that is connected takes this kind and name, in this version."""
    NO_ROOM = "no room"
    """Each worker that takes it has as much in hand as it asked for."""
    RESTING = "resting"
    """The only worker for it has given it back: it gets it again after a moment."""


@dataclass(frozen=True)
class WorkerView:
    """A worker that is connected. Kinds of work are named by `kind`: orchestration, activity, entity."""

    name: str
    """What it calls itself; "" for one that does not."""
    connected_ns: int
    """Since when, by the wall clock."""
    limits: Mapping[str, int | None]
    """How much of each kind it takes at a time; None for any amount."""
    held: Mapping[str, int]
    """How much of each kind it has in hand."""
    names: Mapping[str, Mapping[str, Sequence[str]]] | None
    """The names that it takes, with their versions where it takes only these; None for one that takes everything."""
    keeps_executions: bool
    """Whether it keeps orchestrations between their turns."""
    known_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The names of each kind that it is known to have, though it asks for all."""


@dataclass(frozen=True)
class WorkView:
    """Work of one kind, name and version that waits for a worker, or that workers have in hand."""

    kind: str
    name: str
    version: str
    count: int
    oldest_age_ns: int
    """For how long the oldest of it has waited, or has been in hand."""
    reason: Reason | None = None
    """Why it waits; None for work in hand."""


@dataclass(frozen=True)
class PendingOperation:
    """An operation that waits for its entity."""

    name: str
    came_ns: int
    caller_id: str
    """The orchestration that waits for its answer; "" for a signal, which has no answer."""
    input: str | None


@dataclass(frozen=True)
class EntityInside:
    """What an entity has to do, and who keeps it from that."""

    pending: Sequence[PendingOperation] = ()
    """The first of those that wait."""
    pending_count: int = 0
    in_hand: int = 0
    """How many operations a worker has now."""
    locked_by: str = ""
    locked_with: Sequence[str] = ()
    """The other entities of the same lock."""
    wanted_by: Sequence[str] = ()
    """Orchestrations that wait for the lock, the next one first."""


@dataclass(frozen=True)
class ClockView:
    """The scheduler's clock beside that of the machine."""

    now_ns: int
    wall_ns: int
    ahead_s: float
    """How far it was moved ahead, by hand or by skipping."""
    is_skipping: bool
    may_be_moved: bool
    due_count: int
    """How many due times it waits for: timers, delayed signals, scheduled starts."""
    next_due_ns: int | None


@dataclass(frozen=True)
class QueueView:
    """The work of a hub: what waits, the longest first, and what is in hand."""

    waiting: Sequence[WorkView] = field(default_factory=list)
    in_hand: Sequence[WorkView] = field(default_factory=list)


@dataclass(frozen=True)
class PartView:
    """What it means to run a history again from one of its events."""

    kind: str
    """The kind of the event, as the protocol names it."""
    input: str | None
    payload: str | None
    """The payload of the event, None if it has none that could be edited."""
    stands: int
    """How many events before the turn that is run again stay as they are."""
    again: Sequence[str]
    """What had no outcome by then and is run again, in words."""
    problem: str | None
    """Why it cannot be run again from there."""


class Overview(Protocol):
    """What is known of the task hubs of one scheduler. Every method that names a hub raises RpcError for no hub."""

    def workers(self, hub: str) -> Sequence[WorkerView]:
        """Return the connected workers of a hub, those first that have been for longest."""

    def queue(self, hub: str) -> QueueView:
        """Return the work of a hub."""

    def entity(self, hub: str, entity_id: str) -> EntityInside:
        """Return what an entity has to do."""

    def clock(self) -> ClockView:
        """Return the state of the clock."""

    def skip(self, *, on: bool) -> None:
        """Make time jump over idle time, or pass as it does. FAILED_PRECONDITION if the clock may not be moved."""

    async def run_again(self, hub: str, asked: RunAgain) -> str:
        """Continue a part of a recorded history as a new instance, and return its id; RpcError if it cannot."""

    async def history_part(self, hub: str, instance_id: str, event: int) -> PartView:
        """Return what running a history again from an event would mean."""

    async def advance(self, seconds: float) -> None:
        """Move the clock ahead, from one due time to the next. FAILED_PRECONDITION where it may not be moved."""
