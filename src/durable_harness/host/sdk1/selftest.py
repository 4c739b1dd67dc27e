"""The start-up proof that the installed azure-functions-durable numbers its tasks where this host listens.

The ids of tasks are read from private methods of the SDK (see `durable_harness.host.sdk1.recording`). A version that
moved them would run tasks twice or never; it is better not to start.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import TYPE_CHECKING

from durable_harness.documents import JsonObject
from durable_harness.errors import UnsupportedSdkError
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.sdk.installed import PACKAGE, SUPPORTED
from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.protocol import from_ns, pb

if TYPE_CHECKING:
    import azure.durable_functions as df

START_NS = 1_700_000_000_000_000_000

Orchestrator = Callable[["df.DurableOrchestrationContext"], Generator[object, object, None]]


def check_sdk() -> None:
    """Replay small histories on the installed SDK and compare the ids; raise UnsupportedSdkError if they differ."""
    for name, (orchestrator, history, expected) in CASES.items():
        try:
            found = _ids(orchestrator, history)
        except Exception as error:
            raise _unsupported(f"{name}: {type(error).__name__}: {error}") from error
        if found != expected:
            raise _unsupported(f"{name}: expected {expected}, found {found}")


def _unsupported(problem: str) -> UnsupportedSdkError:
    version = importlib.metadata.version(PACKAGE)
    return UnsupportedSdkError(
        f"{PACKAGE} {version} numbers its tasks differently from what this host expects ({problem}).\n"
        f"  Supported versions: {SUPPORTED[1]}. Install one: pip install '{PACKAGE}{SUPPORTED[1]}'"
    )


def _ids(orchestrator: Orchestrator, outcomes: list[JsonObject]) -> list[tuple[int, str]]:
    """Return id and kind of every action of a replay over these outcomes."""
    import azure.durable_functions as df  # noqa: PLC0415 - kept out of the import time of this module

    handle = df.Orchestrator.create(orchestrator)
    function = Function(
        name="case",
        trigger={"type": "orchestrationTrigger", "name": "context"},
        bindings=(),
        call=handle,
        is_async=False,
        wants_context=False,
    )
    request = pb.OrchestratorRequest(instanceId="case", newEvents=[_event(0, {"orchestratorStarted": {}})])
    request.newEvents.append(_event(0, {"executionStarted": {"name": "case"}}))
    request.newEvents.extend(_event(1, outcome) for outcome in outcomes)
    response = OrchestrationRunner(_app(function)).run(request)
    asked = [(action.id, action.WhichOneof("orchestratorActionType")) for action in response.actions]
    return [(number, kind) for number, kind in asked if kind != "completeOrchestration"]


def _app(function: Function) -> FunctionApp:
    from pathlib import Path  # noqa: PLC0415

    return FunctionApp(Path(), [function])


def _event(seconds: int, kind: JsonObject) -> pb.HistoryEvent:
    return pb.HistoryEvent(eventId=-1, timestamp=from_ns(START_NS + seconds * 1_000_000_000), **kind)


def _retry_options() -> df.RetryOptions:
    from azure.durable_functions import RetryOptions  # noqa: PLC0415

    return RetryOptions(1000, 3)


def _retry_then_activity(context: df.DurableOrchestrationContext) -> Generator[object, object, None]:
    yield context.call_activity_with_retry("a", _retry_options())
    yield context.call_activity("b")


def _yielded_alone_and_in_any(context: df.DurableOrchestrationContext) -> Generator[object, object, None]:
    first = context.call_activity("a")
    both = context.task_any([first, context.create_timer(context.current_utc_datetime + timedelta(days=1))])
    yield first
    yield both
    yield context.call_activity("b")


def _lost_retry(context: df.DurableOrchestrationContext) -> Generator[object, object, None]:
    retried = context.call_activity_with_retry("a", _retry_options())
    yield context.task_any([retried, context.create_timer(context.current_utc_datetime + timedelta(days=1))])
    yield context.call_activity("b")


def _signals_and_waits(context: df.DurableOrchestrationContext) -> Generator[object, object, None]:
    import azure.durable_functions as df  # noqa: PLC0415

    context.signal_entity(df.EntityId("e", "k"), "add", 1)
    yield context.wait_for_external_event("go")
    yield context.task_all([context.call_activity("a"), context.call_sub_orchestrator("s", None, "fixed")])


_FAILED_0 = {"taskFailed": {"taskScheduledId": 0, "failureDetails": {"errorMessage": "no"}}}
_DONE_0 = {"taskCompleted": {"taskScheduledId": 0}}

CASES: dict[str, tuple[Orchestrator, list[JsonObject], list[tuple[int, str]]]] = {
    "first turn": (_retry_then_activity, [], [(0, "scheduleTask")]),
    "retry succeeds, then an activity": (
        _retry_then_activity,
        [_FAILED_0, {"timerFired": {"timerId": 1}}, {"taskCompleted": {"taskScheduledId": 2}}],
        [(0, "scheduleTask"), (1, "createTimer"), (2, "scheduleTask"), (3, "scheduleTask")],
    ),
    "a task yielded alone and in a task_any": (
        _yielded_alone_and_in_any,
        [_DONE_0],
        [(0, "scheduleTask"), (1, "createTimer"), (2, "scheduleTask")],
    ),
    "a retry that loses a task_any": (
        _lost_retry,
        [_FAILED_0, {"timerFired": {"timerId": 1}}],
        [(0, "scheduleTask"), (1, "createTimer"), (2, "createTimer"), (3, "scheduleTask")],
    ),
    "signal, event, task_all": (
        _signals_and_waits,
        [{"eventRaised": {"name": "go", "input": {"value": "1"}}}],
        [(0, "sendEntityMessage"), (1, "scheduleTask"), (2, "createSubOrchestration")],
    ),
}
