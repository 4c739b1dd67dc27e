"""What only a living instance has: its history as events, its inbox, and the turn under way."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from google.protobuf.message import Message

from durable_harness.protocol import copy_of, pb, to_ns
from durable_harness.protocol.continuing import Continuation

NO_ACTION_ID = -1
"""The id of events that no action asked for: what came in, and ends that the scheduler itself makes."""

EVENTS_AT_ONCE = 1000
"""How many events are messages at a time while a history is read: a message takes ten times the memory of its bytes."""
CONTROLS = frozenset({"executionSuspended", "executionResumed", "executionTerminated"})


def event(time_ns: int, event_id: int = NO_ACTION_ID, /, **kind: Message) -> pb.HistoryEvent:
    """Return a HistoryEvent.

    What an orchestrator asked for has the id of its action, its end too; the start of an execution has 0, all else -1.
    """
    made = pb.HistoryEvent(eventId=event_id, **kind)  # type: ignore[arg-type]  # a message of another type is a TypeError
    made.timestamp.FromNanoseconds(time_ns)
    return made


def not_after(time_ns: int, came: pb.HistoryEvent) -> pb.HistoryEvent:
    """Return a copy of an event that is no later than this: it may have come by a clock that was set back since."""
    copied = copy_of(came)
    if to_ns(came.timestamp) > time_ns:
        copied.timestamp.FromNanoseconds(time_ns)
    return copied


class History:
    """The events that an execution has had, as the bytes that they are stored and sent in.

    An event that came in a request is a part of its message, and keeps all of that in memory for as long as it is kept
    itself. Bytes keep nothing but themselves, and take a tenth of what a message takes. Reading the last events costs
    nothing for those before them.

    `_wire` is a serialised OrchestratorRequest that has nothing but past events; `_starts` says where each begins.
    `last_action_id` is the highest id of an action, -1 without any.
    """

    __slots__ = ("_starts", "_wire", "last_action_id")

    def __init__(self, events: Iterable[pb.HistoryEvent] = ()) -> None:
        self._wire = bytearray()
        self._starts = array("Q")
        self.last_action_id = NO_ACTION_ID
        if events:  # most begin empty
            self.extend(events)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[pb.HistoryEvent]:
        """Yield the events that there are now, reading a part at a time: as messages all would take ten times more."""
        length = len(self)
        for position in range(0, length, EVENTS_AT_ONCE):
            yield from self.since(position, min(position + EVENTS_AT_ONCE, length))

    @property
    def size_bytes(self) -> int:
        """How large the history is when it is sent."""
        return len(self._wire)

    def extend(self, events: Iterable[pb.HistoryEvent]) -> None:
        for event in events:
            if event.eventId > self.last_action_id and not event.HasField("executionStarted"):
                self.last_action_id = event.eventId
            self._starts.append(len(self._wire))
            self._wire += pb.OrchestratorRequest(pastEvents=(event,)).SerializeToString()

    def since(self, position: int, end: int | None = None) -> list[pb.HistoryEvent]:
        """Return the events from a position to an end, as messages that share nothing with this history."""
        request = pb.OrchestratorRequest()
        self.add_to(request, position, end)
        return list(request.pastEvents)

    def add_to(self, request: pb.OrchestratorRequest, position: int = 0, end: int | None = None) -> None:
        """Add the events from a position to an end to the past events of an OrchestratorRequest."""
        if position < len(self._starts):
            last_byte = len(self._wire) if end is None or end >= len(self._starts) else self._starts[end]
            with memoryview(self._wire) as wire:
                request.MergeFromString(wire[self._starts[position] : last_byte])  # type: ignore[arg-type]  # any buffer


class Inbox:
    """What was sent to an execution and is not part of its history yet, in the order in which it came.

    Each costs the same however many wait: none is looked at twice.

    Every living instance has one, so it is small: a deque alone would take ten times what a list takes. `events` is to
    be read only.
    """

    __slots__ = ("_controls", "events")

    def __init__(self, events: Iterable[pb.HistoryEvent] = ()) -> None:
        self.events: list[pb.HistoryEvent] = []
        self._controls: dict[str, int] = {}
        for event in events:
            self.append(event)

    def append(self, event: pb.HistoryEvent) -> None:
        self.events.append(event)
        if event.WhichOneof("eventType") in CONTROLS:
            self._count(event, 1)

    def has_any(self, controls: Collection[str]) -> bool:
        """Whether an event of one of these CONTROLS waits."""
        return any(self._controls.get(control) for control in controls)

    def take_through(self, kind: str) -> list[pb.HistoryEvent]:
        """Take the events up to the first of one of CONTROLS, which is taken too; all of them if there is none."""
        length = len(self.events)
        if self._controls.get(kind):
            length = 1 + next(i for i, event in enumerate(self.events) if event.HasField(kind))
        taken, self.events = self.events[:length], self.events[length:]
        if any(self._controls.values()):  # seldom: else there is nothing to count
            for event in taken:
                self._count(event, -1)
        return taken

    def put_back(self, events: Collection[pb.HistoryEvent]) -> None:
        """Put events that were taken back to the front."""
        self.events[:0] = events
        for event in events:
            self._count(event, 1)

    def _count(self, event: pb.HistoryEvent, by: int) -> None:
        kind = event.WhichOneof("eventType")
        if kind in CONTROLS:
            self._controls[kind] = self._controls.get(kind, 0) + by


@dataclass(slots=True)
class Saved:
    """How much of an execution the store holds; Execution has the numbers of its events.

    `history` counts events of the history, in `turns` rows. The rows of the inbox are those of the events from `taken`
    on, up to `received`.
    """

    history: int = 0
    turns: int = 0
    received: int = 0
    taken: int = 0


@dataclass(slots=True)
class TurnUnderWay:
    """The new events of the turn that a worker has now.

    The first one begins the turn. It is made for the turn and was not received: it has no number, and is gone if the
    turn comes back.
    """

    events: list[pb.HistoryEvent]

    @property
    def received(self) -> list[pb.HistoryEvent]:
        return self.events[1:]


@dataclass(slots=True)
class Execution:
    """The living part of an instance.

    Received events are numbered from 0 in their order. They move from the right to the left:

        0 .......... taken ............................ received
        |  history   |  turn under way  |     inbox     |

    `saved` counts what the store already holds. `rewritten` is set when the history was replaced: all rows are then
    deleted and written again. `queued` means that a turn waits for a worker. `replay_due` means that a turn is due
    although no event waits: the history was rewound. `losses` counts how often a worker was lost with this turn; `span`
    is the trace of the orchestration so far. `last_turn` is what the next turn continues; None if no worker can have
    kept that.
    """

    execution_id: str
    history: History = field(default_factory=History)
    inbox: Inbox = field(default_factory=Inbox)
    turn: TurnUnderWay | None = None
    taken: int = 0
    queued: bool = False
    losses: int = 0
    span: pb.OrchestrationTraceContext | None = None
    replay_due: bool = False
    not_before_ns: int = 0
    saved: Saved = field(default_factory=Saved)
    rewritten: bool = False
    last_turn: Continuation | None = None

    @property
    def received(self) -> int:
        """How many events were received: those taken, those of the turn under way, those in the inbox."""
        under_way = len(self.turn.received) if self.turn is not None else 0
        return self.taken + under_way + len(self.inbox.events)

    def received_since(self, number: int) -> list[pb.HistoryEvent]:
        """Return the events from a number on that are not part of the history yet."""
        inbox_from = self.received - len(self.inbox.events)
        if self.turn is None or number >= inbox_from:
            return self.inbox.events[number - inbox_from :]
        return [*self.turn.received[number - self.taken :], *self.inbox.events]

    def begin_turn(self, now_ns: int) -> list[pb.HistoryEvent]:
        """Take the events of the next turn from the inbox and return them, behind the one that begins the turn."""
        # A suspension ends the turn: the events after it wait for the resumption.
        begin = event(now_ns, orchestratorStarted=pb.OrchestratorStartedEvent())
        self.turn = TurnUnderWay([begin, *self.inbox.take_through("executionSuspended")])
        return self.turn.events

    def return_turn(self) -> None:
        """Put the events of the turn back: its worker did not do it."""
        if self.turn is not None:
            self.inbox.put_back(self.turn.received)
            self.turn = None

    def finish_turn(self) -> list[pb.HistoryEvent]:
        """Move the events of the turn into the history and return them."""
        assert self.turn is not None
        turn, self.turn = self.turn, None
        self.replay_due = False  # not before: a turn that comes back is still due
        self.taken += len(turn.events) - 1  # the first one was not received
        self.history.extend(turn.events)
        return turn.events

    def take_termination(self, now_ns: int) -> list[pb.HistoryEvent]:
        """Move all events up to the termination in the inbox into the history, without a worker; return them."""
        if self.turn is None:
            self.turn = TurnUnderWay([event(now_ns, orchestratorStarted=pb.OrchestratorStartedEvent())])
        self.turn.events += self.inbox.take_through("executionTerminated")
        return self.finish_turn()
