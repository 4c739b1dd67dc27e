"""What `--verbose` shows of each piece of work: what it was, how long it took, what a turn asked for."""

from __future__ import annotations

from collections import Counter

from durable_harness.host.sdk.endings import execution_started
from durable_harness.host.sdk.steps import ENDINGS, step_of_action
from durable_harness.host.stages import Stages
from durable_harness.host.work.answers import Answer, WorkRequest
from durable_harness.logs.categories import HOST_LOGGER, about
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import pb

logger = own_logger(HOST_LOGGER)

MOST_ASKED = 5
LEAST_SHOWN_WAIT_MS = 1.0


def log_done(request: WorkRequest, answer: Answer, stages: Stages, took_ns: int) -> None:
    """Log a piece of work that has an answer, at the level Debug."""
    try:
        name, what, rest = _described(request, answer)
    except Exception:  # noqa: BLE001 - an answer of an unforeseen form must still be sent
        name, what, rest = "", "Work", ""
    times = f"{took_ns / 1e6:,.1f} ms{_waited(stages)}"
    if isinstance(request, pb.ActivityRequest):
        instance_id = request.orchestrationInstance.instanceId
    else:
        instance_id = request.instanceId
    logger.debug("%s took %s%s [instance %s]", what, times, rest, instance_id, extra=about(name, instance_id))


def _waited(stages: Stages) -> str:
    waited_ms = (stages.begun_ns - stages.asked_ns) / 1e6 if stages.asked_ns and stages.begun_ns else 0.0
    return f", {waited_ms:,.1f} ms of it waiting for a thread" if waited_ms >= LEAST_SHOWN_WAIT_MS else ""


def _described(request: WorkRequest, answer: Answer) -> tuple[str, str, str]:
    if isinstance(request, pb.ActivityRequest):
        return (
            request.name,
            f"Activity '{request.name}'",
            _failure(answer),
        )
    if isinstance(request, pb.OrchestratorRequest):
        started = execution_started(request)
        name = started.name if started is not None else ""
        events = f", {len(request.pastEvents)} events replayed" if len(request.pastEvents) else ""
        return name, f"Turn of '{name}'" if name else "Turn", f"{events}{_asked(answer)}"
    name = request.instanceId.removeprefix("@").partition("@")[0]
    operations = [_operation(event) for event in request.operationRequests]
    return name, f"Entity '{name}'", f": {_counted(operations)}"


def _failure(answer: Answer) -> str:
    return " and failed" if isinstance(answer, pb.ActivityResponse) and answer.HasField("failureDetails") else ""


def _operation(event: pb.HistoryEvent) -> str:
    return str(getattr(event, event.WhichOneof("eventType")).operation)


def _asked(answer: Answer) -> str:
    """Return in words what a turn asked for, and how it ended the orchestration if it did."""
    asked, end = list[str](), ""
    for action in answer.actions if isinstance(answer, pb.OrchestratorResponse) else ():
        if action.HasField("completeOrchestration"):
            end = f", {ENDINGS.get(action.completeOrchestration.orchestrationStatus, 'end')}"
        else:
            step = step_of_action(action)
            asked.append(str(step) if step.kind == "timer" else f"{step.kind} '{step.name}'")
    return f"{f', asked for {_counted(asked)}' if asked else ''}{end}"


def _counted(names: list[str]) -> str:
    counts = Counter(names)
    shown = [f"{count} x {name}" if count > 1 else name for name, count in list(counts.items())[:MOST_ASKED]]
    more = len(counts) - MOST_ASKED
    return ", ".join([*shown, *([f"{more} more"] if more > 0 else [])])
