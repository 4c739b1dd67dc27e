"""The start-up proof that the installed azure-functions-durable has its private names where this host uses them.

The ids of tasks are read from private methods of the SDK (see `durable_harness.host.sdk1.recording`). A version that
moved them would run tasks twice or never; it is better not to start. The type of the input that a decorator declares is
handed over in a private name too: a version that moved it would give orchestrators another input than Azure gives them.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import json
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

NUMBERS = "numbers its tasks"
INPUT_TYPES = "hands over the declared type of an input"
START_NS = 1_700_000_000_000_000_000

Handle = Callable[[str], object]
"""What the SDK makes of an orchestrator: a function of the context as JSON."""
Orchestrator = Callable[["df.DurableOrchestrationContext"], Generator[object, object, None]]


def check_sdk() -> None:
    """Replay small histories on the installed SDK; raise UnsupportedSdkError if ids or the input's type differ."""
    for name, (orchestrator, history, expected) in CASES.items():
        _check(NUMBERS, name, functools.partial(_ids, orchestrator, history), expected)
    if _has_input_types():
        _check(INPUT_TYPES, "its own run", _input_type_in_its_own_run, _Declared)
        _check(INPUT_TYPES, "a run of this host", _input_type_in_a_run_of_this_host, _Declared)


def _check(subject: str, name: str, run: Callable[[], object], expected: object) -> None:
    try:
        found = run()
    except Exception as error:
        raise _unsupported(subject, f"{name}: {type(error).__name__}: {error}") from error
    if found != expected:
        raise _unsupported(subject, f"{name}: expected {expected}, found {found}")


def _unsupported(subject: str, problem: str) -> UnsupportedSdkError:
    version = importlib.metadata.version(PACKAGE)
    return UnsupportedSdkError(
        f"{PACKAGE} {version} {subject} differently from what this host expects ({problem}).\n"
        f"  Supported versions: {SUPPORTED[1]}. Install one: pip install '{PACKAGE}{SUPPORTED[1]}'"
    )


def _ids(orchestrator: Orchestrator, outcomes: list[JsonObject]) -> list[tuple[int, str]]:
    """Return id and kind of every action of a replay over these outcomes."""
    import azure.durable_functions as df  # noqa: PLC0415 - kept out of the import time of this module

    response = _response(df.Orchestrator.create(orchestrator), outcomes)
    asked = [(action.id, action.WhichOneof("orchestratorActionType")) for action in response.actions]
    return [(number, kind) for number, kind in asked if kind != "completeOrchestration"]


def _response(handle: Handle, outcomes: list[JsonObject]) -> pb.OrchestratorResponse:
    """Return what this host answers to a first turn with these outcomes."""
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
    return OrchestrationRunner(_app(function)).run(request)


class _Declared:
    """The type that an orchestrator declares for its input."""


def _has_input_types() -> bool:
    """Whether decorators of this version declare types of inputs, which they do since 1.6."""
    import azure.durable_functions as df  # noqa: PLC0415

    return "input_type" in inspect.signature(df.Blueprint.orchestration_trigger).parameters


def _input_type_in_its_own_run() -> object:
    """Return the type that the SDK hands over when it runs an orchestrator itself."""
    handle, seen = _declaring()
    common = {"EventId": -1, "Timestamp": "2024-01-01T00:00:00Z", "IsPlayed": False}
    history = [{"EventType": 12, **common}, {"EventType": 0, "Name": "case", "Version": "", **common}]
    context = {"history": history, "instanceId": "case", "isReplaying": False, "parentInstanceId": None, "input": None}
    handle(json.dumps(context))
    return seen.pop()


def _input_type_in_a_run_of_this_host() -> object:
    handle, seen = _declaring()
    _response(handle, [])
    return seen.pop()


def _declaring() -> tuple[Handle, list[object]]:
    """Return an orchestrator that declares the type of its input, and where it notes the type that is handed over."""
    import azure.durable_functions as df  # noqa: PLC0415

    seen: list[object] = []

    def case(context: df.DurableOrchestrationContext) -> Generator[object, object, None]:
        seen.append(vars(context)["_input_expected_type"])
        yield from ()

    declared = df.Blueprint().orchestration_trigger(context_name="context", input_type=_Declared)(case)
    return declared._function.get_user_function(), seen


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
