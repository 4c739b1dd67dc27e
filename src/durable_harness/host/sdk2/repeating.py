"""Whether an orchestrator repeats what its history has: for `--always-replay`."""

from __future__ import annotations

from durable_harness.host.app.functions import Function
from durable_harness.host.sdk.steps import (
    SCHEDULING_KINDS,
    Difference,
    Step,
    first_difference,
    step_of_action,
    step_of_ending,
    step_of_event,
)
from durable_harness.host.sdk2.replayed import EngineReplay
from durable_harness.host.sdk2.stored_payloads import with_payloads
from durable_harness.protocol import pb


def contradiction(function: Function, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse) -> str | None:
    """Return how the code contradicts its history, or the turn that it has just done; None if it does not."""
    if any(event.HasField("executionRewound") for event in (*request.pastEvents, *request.newEvents)):
        return None  # what failed is done again, under new ids
    difference = _difference(function, request, response)
    return None if difference is None else f"it was replayed, and {difference}"


def _difference(
    function: Function, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse
) -> Difference | None:
    whole = with_payloads(request)
    again = EngineReplay(function, request.instanceId)
    again.advance(whole)
    return first_difference([*_steps_of_history(whole), *_steps_of_answer(with_payloads(response))], again.steps())


def _steps_of_history(request: pb.OrchestratorRequest) -> list[Step]:
    events = (*request.pastEvents, *request.newEvents)
    return [step_of_event(event) for event in events if event.WhichOneof("eventType") in SCHEDULING_KINDS]


def _steps_of_answer(response: pb.OrchestratorResponse) -> list[Step]:
    ends = [action for action in response.actions if action.HasField("completeOrchestration")]
    asked = [step_of_action(action) for action in response.actions if not action.HasField("completeOrchestration")]
    return [*asked, *(step_of_ending(action.completeOrchestration) for action in ends)]
