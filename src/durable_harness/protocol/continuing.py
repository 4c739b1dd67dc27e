"""Turns without the history that their worker has seen already.

The protocol sends the whole history with every turn, so that a long one costs its square. A worker of ours that keeps
executions alive announces that when it asks for work. A scheduler of ours then sends, once a history is long, only the
events that came since the turn before, and names that turn by its completion token. A worker that has not kept the
execution as that turn left it asks for the whole with `StreamInstanceHistory`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from durabletask.internal import orchestrator_service_pb2 as pb

LONG_HISTORY_EVENTS = 200
"""From how many events on a worker keeps an execution alive, and a scheduler leaves out what it has seen."""
KEEPS_EXECUTIONS_HEADER = "durable-harness-keeps-executions"
"""The metadata by which a worker announces over gRPC that it keeps executions alive; other schedulers ignore it."""
_NAME, _TOKEN, _OMITTED, _LAST_ACTION = "orchestrator", "continuesAfter", "omittedEvents", "lastActionId"


class Continuation(NamedTuple):
    """What a turn continues: the turn that was completed with `token`, after which there were `omitted` events.

    `last_action_id` is the highest id of an action in the whole history, -1 without any.
    """

    token: str
    omitted: int
    last_action_id: int = -1


def set_continuation(request: pb.OrchestratorRequest, name: str, continuation: Continuation) -> None:
    """Mark an OrchestratorRequest whose `pastEvents` lack those that the turn before had; `name` is not in the rest."""
    request.requiresHistoryStreaming = True
    request.properties[_NAME].string_value = name
    request.properties[_TOKEN].string_value = continuation.token
    request.properties[_OMITTED].number_value = continuation.omitted
    request.properties[_LAST_ACTION].number_value = continuation.last_action_id


def continuation_of(request: pb.OrchestratorRequest) -> Continuation | None:
    """Return what a request continues, None if it holds its whole history or does not name it."""
    if not request.requiresHistoryStreaming or _TOKEN not in request.properties:
        return None
    properties = request.properties
    omitted, last_action_id = (int(properties[name].number_value) for name in (_OMITTED, _LAST_ACTION))
    return Continuation(properties[_TOKEN].string_value, omitted, last_action_id)


def past_length(request: pb.OrchestratorRequest) -> int:
    """Return how many events the history before a turn has, those included that were left out."""
    continuation = continuation_of(request)
    return len(request.pastEvents) + (continuation.omitted if continuation else 0)


def orchestrator_name(request: pb.OrchestratorRequest) -> str:
    """Return the name of the orchestrator that a request is for, "" if its history does not begin."""
    if _NAME in request.properties:
        return str(request.properties[_NAME].string_value)
    started = (event.executionStarted for part in (request.pastEvents, request.newEvents) for event in part)
    return next((str(event.name) for event in started if event.name), "")


async def complete_history(request: pb.OrchestratorRequest, chunks: AsyncIterator[pb.HistoryChunk]) -> None:
    """Put the whole history into a request that lacked it; what came after the request was made is left out."""
    length = past_length(request) if continuation_of(request) else None
    whole = pb.HistoryChunk()
    async for chunk in chunks:
        whole.MergeFrom(chunk)
    del request.pastEvents[:]
    request.pastEvents.extend(whole.events[:length])
    request.requiresHistoryStreaming = False
