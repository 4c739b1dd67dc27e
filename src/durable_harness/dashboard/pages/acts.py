"""What a person may do to one instance: forms of its page, each sent to an address of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from google.protobuf.wrappers_pb2 import StringValue

from durable_harness.dashboard.form_values import json_field
from durable_harness.dashboard.known_instance import find_state
from durable_harness.dashboard.page_urls import ORCHESTRATIONS, instance_url
from durable_harness.dashboard.texts import STATUS_LABELS, status_label, utc
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import TERMINAL_STATUSES, pb, to_ns, wrap_text

SUSPENDED, FAILED = pb.ORCHESTRATION_STATUS_SUSPENDED, pb.ORCHESTRATION_STATUS_FAILED


@dataclass(frozen=True)
class Act:
    """Something that can be done to instances. `question` says what it does, before it is done."""

    word: str
    title: str
    question: str
    is_possible: Callable[[int], bool]
    """Whether an instance with this status can be acted on so."""
    has_reason: bool = False
    is_dangerous: bool = False


def _has_ended(status: int) -> bool:
    return status in TERMINAL_STATUSES


def _lives(status: int) -> bool:
    return status not in TERMINAL_STATUSES


ACTS: Mapping[str, Act] = {
    act.word: act
    for act in (
        Act(
            "event",
            "Raise event",
            "Sends it an event; one that it does not wait for yet is kept until it does.",
            _lives,
        ),
        Act(
            "suspend",
            "Suspend",
            "It does not continue until it is resumed. Results of its activities are kept meanwhile.",
            lambda status: _lives(status) and status != SUSPENDED,
            has_reason=True,
        ),
        Act("resume", "Resume", "Continues it.", lambda status: status == SUSPENDED, has_reason=True),
        Act(
            "terminate",
            "Terminate",
            "Ends it permanently. Running activities are not interrupted; their results are dropped.",
            _lives,
            has_reason=True,
            is_dangerous=True,
        ),
        Act("restart", "Restart", "Starts the orchestration again with the same input.", lambda _status: True),
        Act(
            "rewind",
            "Rewind",
            "Runs again what has failed, and continues from there.",
            lambda status: status == FAILED,
            has_reason=True,
        ),
        Act(
            "purge",
            "Purge",
            "Deletes it with its history. This cannot be undone.",
            _has_ended,
            is_dangerous=True,
        ),
    )
}


def acts_for(status: int) -> list[Act]:
    """Return what can be done to an instance with this status."""
    return [act for act in ACTS.values() if act.is_possible(status)]


async def check_lives(visit: Visit, act: Act) -> None:
    """Raise PageError if an instance has ended that an act is for only while it lives.

    A scheduler takes such an act and drops it. Acts on what has ended are checked by the scheduler itself.
    """
    if any(act.is_possible(status) for status in STATUS_LABELS if status in TERMINAL_STATUSES):
        return
    state = await find_state(visit, visit.arguments["id"])
    if state.orchestrationStatus in TERMINAL_STATUSES:
        at = utc(
            to_ns(state.completedTimestamp if state.HasField("completedTimestamp") else state.lastUpdatedTimestamp)
        )
        how = f"{status_label(state.orchestrationStatus)}, {at:%Y-%m-%d %H:%M:%S} UTC"
        raise PageError(409, f"{act.title}: nothing was done, for '{state.instanceId}' has ended ({how}).")


async def event(visit: Visit) -> web.Response:
    """Raise an event."""
    if not visit.field("name"):
        raise PageError(400, "The name of the event is missing.")
    request = pb.RaiseEventRequest(
        instanceId=visit.arguments["id"],
        name=visit.field("name"),
        input=wrap_text(json_field(visit, "input", "The data of the event")),
    )
    await visit.scheduler.raise_event(request)
    return _back(visit, "event")


async def suspend(visit: Visit) -> web.Response:
    """Suspend an instance."""
    await visit.scheduler.suspend_instance(pb.SuspendRequest(instanceId=visit.arguments["id"], reason=_reason(visit)))
    return _back(visit, "suspend")


async def resume(visit: Visit) -> web.Response:
    """Resume an instance."""
    await visit.scheduler.resume_instance(pb.ResumeRequest(instanceId=visit.arguments["id"], reason=_reason(visit)))
    return _back(visit, "resume")


async def terminate(visit: Visit) -> web.Response:
    """Terminate an instance, with its sub-orchestrations where that is asked for."""
    request = pb.TerminateRequest(
        instanceId=visit.arguments["id"], output=_reason(visit), recursive=bool(visit.field("recursive"))
    )
    await visit.scheduler.terminate_instance(request)
    return _back(visit, "terminate")


async def restart(visit: Visit) -> web.Response:
    """Start an orchestration again: under a new id, or under its own if that is asked for."""
    has_new_id = not visit.field("same")
    request = pb.RestartInstanceRequest(instanceId=visit.arguments["id"], restartWithNewInstanceId=has_new_id)
    answer = await visit.scheduler.restart_instance(request)
    word = "restart" if has_new_id else "restart-same"
    return visit.redirect(instance_url(visit.hub, answer.instanceId, query=[("done", word)]))


async def rewind(visit: Visit) -> web.Response:
    """Rewind a failed instance."""
    request = pb.RewindInstanceRequest(instanceId=visit.arguments["id"], reason=_reason(visit))
    await visit.scheduler.rewind_instance(request)
    return _back(visit, "rewind")


async def purge(visit: Visit) -> web.Response:
    """Delete an instance that has ended."""
    request = pb.PurgeInstancesRequest(instanceId=visit.arguments["id"], recursive=bool(visit.field("recursive")))
    answer = await visit.scheduler.purge_instances(request)
    if not answer.deletedInstanceCount:
        raise PageError(409, f"Nothing was purged: '{visit.arguments['id']}' is not kept, or has not ended.")
    return visit.redirect(visit.url(ORCHESTRATIONS))


def _reason(visit: Visit) -> StringValue | None:
    """Return the reason as the protocol has it; None if the field is empty."""
    return wrap_text(visit.field("reason") or None)


def _back(visit: Visit, word: str) -> web.Response:
    return visit.redirect(instance_url(visit.hub, visit.arguments["id"], query=[("done", word)]))


HANDLERS: Mapping[str, Callable[[Visit], Awaitable[web.Response]]] = {
    "event": event,
    "suspend": suspend,
    "resume": resume,
    "terminate": terminate,
    "restart": restart,
    "rewind": rewind,
    "purge": purge,
}
