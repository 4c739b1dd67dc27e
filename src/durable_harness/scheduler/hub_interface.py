"""What the parts of a task hub (turns, tasks, entities, rewinding) ask of it: the steps that change its state.

`HubState` takes these steps. It is built of the parts, so they know it by this interface only.
"""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message

from durable_harness.protocol import pb
from durable_harness.scheduler.clock import Clock
from durable_harness.scheduler.dispatch import Work
from durable_harness.scheduler.instances.instance_state import Instance, Parent
from durable_harness.scheduler.instances.registry import Registry
from durable_harness.scheduler.instances.repeats import Repeats
from durable_harness.scheduler.storage.in_hand import InHand
from durable_harness.scheduler.storage.journal import Action, Journal, Source


class EntityMessages(Protocol):
    """What orchestrations ask of the entities of their hub."""

    def receive(self, kind: str, message: EntityMessage, epoch_ns: int) -> None:
        """Take a message that an orchestration sent, whose time is counted from this epoch."""

    def release_locks_of(self, parent_id: str) -> None:
        """Free what an orchestration that has ended still holds or waits for."""


class Hub(Source, Protocol):
    """A task hub without its clients and workers. Each step that changes an instance ends in `settle`."""

    @property
    def name(self) -> str: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def instances(self) -> Registry: ...

    @property
    def entities(self) -> EntityMessages: ...

    @property
    def repeats(self) -> Repeats: ...

    @property
    def in_hand(self) -> InHand | None: ...

    def epoch_not_before(self, time_ns: int) -> int:
        """Return an epoch by which it is not earlier than this time now."""

    def version_of(self, instance: Instance) -> str:
        """Return the version by which workers filter an instance and its calls: its own, else that of its callers."""

    def create(  # noqa: PLR0913 - the fields of an instance
        self,
        instance_id: str,
        name: str,
        *,
        version: str | None,
        input_text: str | None,
        scheduled_start_ns: int = 0,
        parent: Parent | None = None,
        tags: dict[str, str] | None = None,
        trace_context: pb.TraceContext | None = None,
        epoch_ns: int | None = None,
    ) -> Instance:
        """Create an instance whose id is free, and make its first turn ready (at its scheduled start)."""

    def remove(self, instance: Instance) -> None:
        """Delete an instance. Results of work that still runs for it are dropped."""

    def deliver(self, instance: Instance, **kind: Message) -> None:
        """Put an event, of the present, into the inbox of an instance; one that has ended takes no more."""

    def remember(self, instance: Instance, **kind: Message) -> None:
        """Keep what came for an instance after it had failed: a rewind may still need it."""

    def terminate(self, instance: Instance, reason: str | None, *, recurse: bool) -> None:
        """Send an instance its termination, and end it if no worker takes that."""

    def rewind(self, instance: Instance, reason: str | None) -> None:
        """Bring a failed instance back: a worker rewrites its history without the failures."""

    def settle(self, instance: Instance) -> None:
        """Save a change and, once that is done, do what it made possible: a turn to run, waiters to wake."""

    def offer(self, subject_id: str, work: Work) -> None:
        """Make work of an instance or entity ready for a worker, when what it rests on is committed."""

    def on_commit(self, action: Action) -> None:
        """Do something when all that has happened so far is committed."""


EntityMessage = (
    pb.EntityOperationSignaledEvent
    | pb.EntityOperationCalledEvent
    | pb.EntityLockRequestedEvent
    | pb.EntityUnlockSentEvent
)
"""What an orchestration sends to an entity; the name of its type is in the oneof of SendEntityMessageAction."""
