"""Running the history of an instance again from one of its events, as a new instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from durable_harness.protocol import RpcError, RpcStatus, new_id, pb, to_ns
from durable_harness.protocol.run_again import ORIGIN_TAG, PAYLOADS, RECEIVED, RunAgain
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.instances.execution_events import Execution, History, Inbox
from durable_harness.scheduler.instances.instance_state import Instance, execution_started
from durable_harness.scheduler.limits.checks import raise_for_problem, start_problem
from durable_harness.scheduler.tasks import restore_tasks, unanswered
from durable_harness.scheduler.turns import take_events


@dataclass(frozen=True)
class Part:
    """A history up to an event: whole turns that are kept, and the events of the turn that is run again."""

    past: list[pb.HistoryEvent]
    given: list[pb.HistoryEvent]

    @property
    def events(self) -> list[pb.HistoryEvent]:
        return [*self.past, *self.given]


def part_of(events: Sequence[pb.HistoryEvent], number: int) -> Part:
    """Return a history up to an event, counted from 1. Raises RpcError for an event that was not received."""
    kind = _kind(events[number - 1]) if 1 <= number <= len(events) else None
    if kind not in RECEIVED:
        there = f"it is {kind}, which the orchestrator asked for" if kind else f"there are {len(events)}"
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT,
            f"Event {number} is none that came in: {there}. Take an outcome, an event that was raised, or the start.",
        )
    begin = next(at for at in reversed(range(number)) if _kind(events[at]) == "orchestratorStarted")
    given = [event for event in events[begin + 1 : number] if _kind(event) in RECEIVED]
    return Part(list(events[:begin]), given)


def problem_of(part: Part) -> str | None:
    """Return why another instance cannot continue a part of a history, None if it can."""
    return next(filter(None, (check(part) for check in _CHECKS)), None)


def waits_of(part: Part) -> Iterator[pb.HistoryEvent]:
    """Yield the activities and timers that had no outcome by then: they are run again, with all that they do."""
    yield from unanswered(part.events)


async def run_again(hub: TaskHub, asked: RunAgain) -> str:
    """Make the new instance and return its id."""
    hub.journal.admit()
    await hub.journal.written()
    old = hub.state.instances.get(asked.instance_id)
    if old is None:
        raise RpcError(RpcStatus.NOT_FOUND, f"There is no orchestration instance with the id '{asked.instance_id}'.")
    part = part_of(list(hub.state.instances.history(old)), asked.event)
    problem = problem_of(part)
    if problem is not None:
        raise RpcError(RpcStatus.FAILED_PRECONDITION, f"It cannot be run again from event {asked.event}: {problem}")
    _edit(hub, part, asked)
    created = _create(hub, old, part, asked)
    await hub.journal.settled(undo=lambda: hub.state.withdraw(created, None), key=created.key)
    return created.instance_id


def _create(hub: TaskHub, old: Instance, part: Part, asked: RunAgain) -> Instance:
    epoch_ns = hub.state.epoch_not_before(max(to_ns(event.timestamp) for event in part.events))
    now_ns = hub.state.clock.elapsed_ns(epoch_ns)
    started = next(event.executionStarted for event in part.events if event.HasField("executionStarted"))
    instance = Instance(
        next(hub.journal.instance_keys),
        asked.new_id or new_id(),
        started.name,
        started.version.value if started.HasField("version") else None,
        started.input.value if started.HasField("input") else None,
        now_ns,
        now_ns,
        new_id(),
        tags={**(old.tags or {}), ORIGIN_TAG: f"{old.instance_id}#{asked.event}"},
        epoch_ns=epoch_ns,
    )
    _check_new(hub, instance)
    if part.past:
        take_events(instance, part.past, now_ns)
        instance.costs, instance.is_modelled, instance.begun_ns = None, True, now_ns  # its past is another one's
    own = [_own(event, instance) for event in part.events]
    taken = len(part.past)
    execution = Execution(instance.execution_id, history=History(own[:taken]), inbox=Inbox(own[taken:]))
    instance.execution = execution
    hub.state.instances.add(instance)
    restore_tasks(hub.state, instance, execution)
    hub.state.settle(instance)
    return instance


def _check_new(hub: TaskHub, instance: Instance) -> None:
    request = pb.CreateInstanceRequest(name=instance.name, tags=instance.tags)
    raise_for_problem(start_problem(instance.instance_id, request))
    if hub.state.instances.get(instance.instance_id) is not None:
        raise RpcError(
            RpcStatus.ALREADY_EXISTS, f"An orchestration instance with the id '{instance.instance_id}' already exists."
        )


def _edit(hub: TaskHub, part: Part, asked: RunAgain) -> None:
    """Put the payloads that were edited into the events."""
    if asked.payload is not None:
        _set_payload(hub, part.given[-1], asked.payload, asked.event)
    if asked.input is not None:
        started = next(event for event in part.events if event.HasField("executionStarted"))
        _set_payload(hub, started, asked.input, asked.event)


def _set_payload(hub: TaskHub, event: pb.HistoryEvent, text: str, number: int) -> None:
    kind = _kind(event)
    if kind not in PAYLOADS:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, f"Event {number} ({kind}) has no payload that could be edited.")
    body = getattr(event, kind)
    getattr(body, PAYLOADS[kind]).value = text
    hub.payloads.check(body, PAYLOADS[kind])


def _own(event: pb.HistoryEvent, instance: Instance) -> pb.HistoryEvent:
    """Return an event as one of the new instance: its start names it, and no parent waits for it."""
    if not event.HasField("executionStarted"):
        return event
    return execution_started(instance, to_ns(event.timestamp))


def _kind(event: pb.HistoryEvent) -> str | None:
    kind: str | None = event.WhichOneof("eventType")
    return kind


def _no_start(part: Part) -> str | None:
    return None if any(event.HasField("executionStarted") for event in part.events) else "its history has no start."


def _running_child(part: Part) -> str | None:
    for event in unanswered(part.events):
        if event.HasField("subOrchestrationInstanceCreated"):
            created = event.subOrchestrationInstanceCreated
            return (
                f"the sub-orchestration {created.name} '{created.instanceId}' was running by then, for the other"
                " instance. Take an event from before it was started or after it ended."
            )
    return None


def _open_call(part: Part) -> str | None:
    answers = ("entityOperationCompleted", "entityOperationFailed")
    answered = {getattr(e, kind).requestId for e in part.events for kind in answers if e.HasField(kind)}
    for event in part.past:
        called = event.entityOperationCalled
        if event.HasField("entityOperationCalled") and called.requestId not in answered:
            return (
                f"it waited for the answer of entity {called.targetInstanceId.value} to '{called.operation}'."
                " Take an event from before the call or after the answer."
            )
    return None


def _held_lock(part: Part) -> str | None:
    held: dict[str, set[str]] = {}
    for event in part.past:
        if event.HasField("entityLockRequested"):
            held[event.entityLockRequested.criticalSectionId] = set(event.entityLockRequested.lockSet)
        elif event.HasField("entityUnlockSent"):
            unlocked = event.entityUnlockSent
            held.get(unlocked.criticalSectionId, set()).discard(unlocked.targetInstanceId.value)
    entities = sorted(set().union(*held.values())) if held else []
    if not entities:
        return None
    return f"it held or waited for the lock on {', '.join(entities)}. Take an event from before or after that."


_CHECKS: tuple[Callable[[Part], str | None], ...] = (_no_start, _held_lock, _open_call, _running_child)
