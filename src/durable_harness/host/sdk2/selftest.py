"""The start-up proof that the installed azure-functions-durable 2.x runs a turn as this host calls it.

Replays stand on private names of durabletask. A version that moved them would replay nothing: better not to start.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Generator
from typing import TYPE_CHECKING

from durable_harness.errors import UnsupportedSdkError
from durable_harness.host.app.functions import Function
from durable_harness.host.sdk.installed import PACKAGE, SUPPORTED
from durable_harness.protocol import pb

if TYPE_CHECKING:
    from durabletask.task import OrchestrationContext

EXPECTED = [(1, "activity", "a"), (2, "activity", "b")]


def check_sdk() -> None:
    """Replay a small history on the installed SDK; raise UnsupportedSdkError if it asks for anything unexpected."""
    try:
        found = _asked()
    except Exception as error:
        raise _unsupported(f"{type(error).__name__}: {error}") from error
    if found != EXPECTED:
        raise _unsupported(f"expected {EXPECTED}, found {found}")


def _unsupported(problem: str) -> UnsupportedSdkError:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in (PACKAGE, "durabletask"))
    return UnsupportedSdkError(
        f"{versions}: orchestrators cannot be replayed as this host does it ({problem}).\n"
        f"  Supported versions: {SUPPORTED[2]}. Install one: pip install --pre '{PACKAGE}{SUPPORTED[2]}'"
    )


def _asked() -> list[tuple[int, str, str]]:
    """Return id, kind and name of all that a small orchestrator asks for."""
    from durable_harness.host.sdk2.replayed import EngineReplay  # noqa: PLC0415 - its imports may fail

    replayed = EngineReplay(_function(), "case")
    replayed.advance(_request())
    return [(step.event_id, step.kind, step.name) for step in replayed.steps()]


def _function() -> Function:
    def handle(_context: object) -> None:
        """Stands for what the SDK makes of an orchestrator."""

    handle.orchestrator_function = _two_activities  # type: ignore[attr-defined]
    trigger = {"type": "orchestrationTrigger", "name": "context"}
    return Function("case", trigger, (), handle, is_async=False, wants_context=False)


def _two_activities(context: OrchestrationContext) -> Generator[object, object, None]:
    yield context.call_activity("a")
    yield context.call_activity("b")


def _request() -> pb.OrchestratorRequest:
    return pb.OrchestratorRequest(
        instanceId="case",
        pastEvents=[
            pb.HistoryEvent(eventId=-1, orchestratorStarted={}),
            pb.HistoryEvent(eventId=0, executionStarted={"name": "case"}),
            pb.HistoryEvent(eventId=1, taskScheduled={"name": "a"}),
        ],
        newEvents=[
            pb.HistoryEvent(eventId=-1, orchestratorStarted={}),
            pb.HistoryEvent(eventId=-1, taskCompleted={"taskScheduledId": 1}),
        ],
    )
