"""Turns of orchestrations: work items in, the scheduler's actions out."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.near_limits import WARNED_EVENTS
from durable_harness.host.failure_log import log_failure
from durable_harness.host.failures import error_with_place, place_in_app, type_name
from durable_harness.host.sdk.endings import (
    execution_started,
    failed,
    next_action_id,
    no_start,
    terminated,
    unknown_orchestrator,
)
from durable_harness.host.sdk.generation import HistoryNeededError, NonDeterminismError
from durable_harness.host.sdk.rewound_histories import rewound
from durable_harness.host.sdk1.execution import Checking, Done, OrchestratorRun
from durable_harness.host.stages import CURRENT
from durable_harness.protocol import pb
from durable_harness.protocol.continuing import LONG_HISTORY_EVENTS, past_length

REPLAYED_EVENTS = LONG_HISTORY_EVENTS
LIVE_EXECUTIONS = 500
LIVE_EVENTS = 500_000
"""How many events the executions that are kept alive may have seen together: each takes about a kilobyte."""


class OrchestrationRunner:
    """Runs turns of an app's orchestrators. Plain and synchronous: it may be called on any thread.

    A turn replays its whole history, as in Azure. With histories of more than `REPLAYED_EVENTS` events that costs more
    than all else, so the execution is kept alive after the turn and the next one only adds its new events. Each time
    the history has doubled it is replayed whole anyway; code that does not repeat itself then fails.

    With `always_replay` no execution is kept, every turn is compared with all that history has, and is replayed once
    more as soon as it is done: code that does anything else then fails.
    """

    def __init__(self, app: FunctionApp, default_version: str | None = None, *, always_replay: bool = False) -> None:
        self.app = app
        self._default_version = default_version
        self._always_replay = always_replay
        self._live: OrderedDict[str, OrchestratorRun] = OrderedDict()
        self._live_events = 0
        self._lock = threading.Lock()

    @property
    def keeps_executions(self) -> bool:
        return not self._always_replay

    def run(self, request: pb.OrchestratorRequest, token: str = "") -> pb.OrchestratorResponse:
        """OrchestratorRequest -> OrchestratorResponse (without its completion token, which is `token`).

        Never raises for user code; raises HistoryNeededError for a request that lacks history which this turn needs.
        """
        live = self._take_live(request.instanceId) if request.instanceId in self._live else None
        new_kinds = {event.WhichOneof("eventType") for event in request.newEvents}
        if live is not None and ("executionTerminated" in new_kinds or not live.continues_in(request)):
            live.close()
            live = None
        if "executionTerminated" in new_kinds:
            return terminated(request)
        is_rewound = "executionRewound" in new_kinds
        if live is not None and not is_rewound and not self._is_to_be_replayed(live, request):
            return self._go_on(request, live, token)
        if request.requiresHistoryStreaming:
            if live is not None:
                self._keep_live(request.instanceId, live)
            raise HistoryNeededError
        done = None
        if live is not None:  # gone before it is replayed, or a long one would be in memory twice
            done = live.done()
            live.close()
            del live
        return self._rewind(request) if is_rewound else self._run_whole(request, done, token)

    def _rewind(self, request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
        started = execution_started(request)
        return _rewound(request, self.app.orchestrators.get(started.name.lower()) if started is not None else None)

    def _is_to_be_replayed(self, live: OrchestratorRun, request: pb.OrchestratorRequest) -> bool:
        """Whether a turn is run whole: its history has doubled, or is long and no replay of this code was timed yet."""
        if live.is_due_for_replay(request):
            return True
        is_long = past_length(request) > WARNED_EVENTS
        return is_long and not self.app.near_limits.has_noted_history(live.function)

    def _go_on(self, request: pb.OrchestratorRequest, live: OrchestratorRun, token: str) -> pb.OrchestratorResponse:
        """Run a turn in the execution that was kept after the one before."""
        try:
            return self._respond(request, live, token, *live.advance(request))
        except BaseException as error:  # noqa: BLE001 - an action is made of whatever the user gave the SDK
            return _failed(request, live.function, error)

    def _run_whole(self, request: pb.OrchestratorRequest, done: Done | None, token: str) -> pb.OrchestratorResponse:
        """Run a turn from the beginning of its history; `done` is what an execution that was kept did so far."""
        started = execution_started(request)
        if started is None:
            return no_start(request)
        function = self.app.orchestrators.get(started.name.lower())
        if function is None:
            return unknown_orchestrator(request, started.name, self.app)
        checking = Checking.EVERYTHING if self._always_replay else Checking.KIND_AND_NAME
        try:
            begun_ns = time.monotonic_ns()
            execution = OrchestratorRun(function, request, started, self._default_version, checking)
            actions, custom_status = execution.advance(request)
            self._note_replay(request, execution, begun_ns)
            if done is not None:
                execution.check_repeats(done)
            if self._always_replay:
                again = _as_past(request)
                repeated = OrchestratorRun(function, again, started, self._default_version, checking)
                repeated.advance(again)
                repeated.check_repeats(execution.done())
            return self._respond(request, execution, token, actions, custom_status)
        except BaseException as error:  # noqa: BLE001 - an action is made of whatever the user gave the SDK
            return _failed(request, function, error)

    def _note_replay(self, request: pb.OrchestratorRequest, execution: OrchestratorRun, begun_ns: int) -> None:
        """Note how long a turn that was run whole took, until it reached what is new in it and until its end."""
        ended_ns, stages = time.monotonic_ns(), CURRENT.get()
        if stages is not None and len(request.pastEvents):
            until_ns = execution.replayed_until_ns
            stages.replayed_events = len(request.pastEvents)
            stages.replay_ns = max(until_ns - begun_ns, 0) if until_ns else None
        if execution.events_seen > WARNED_EVENTS:
            replay_ms = (ended_ns - begun_ns) / 1e6
            self.app.near_limits.history(execution.function, request.instanceId, execution.events_seen, replay_ms)

    def _respond(
        self,
        request: pb.OrchestratorRequest,
        execution: OrchestratorRun,
        token: str,
        actions: list[pb.OrchestratorAction],
        custom_status: str | None,
    ) -> pb.OrchestratorResponse:
        """Return the answer of a turn, and keep its execution if another turn may come."""
        response = pb.OrchestratorResponse(instanceId=request.instanceId, actions=actions)
        if custom_status is not None:
            response.customStatus.value = custom_status
        self.app.near_limits.turn(execution.function, request, response)
        has_ended = any(action.HasField("completeOrchestration") for action in actions)
        if has_ended:
            execution.log_failure()
        if has_ended or self._always_replay or execution.events_seen < REPLAYED_EVENTS:
            execution.close()
        else:
            execution.note_turn(request, token)
            self._keep_live(request.instanceId, execution)
        return response

    def _take_live(self, instance_id: str) -> OrchestratorRun | None:
        with self._lock:
            live = self._live.pop(instance_id, None)
            self._live_events -= live.events_seen if live is not None else 0
        return live

    def _keep_live(self, instance_id: str, execution: OrchestratorRun) -> None:
        replaced = self._take_live(instance_id)
        if replaced is not None:
            replaced.close()
        with self._lock:
            self._live[instance_id] = execution
            self._live_events += execution.events_seen
            evicted = list(self._surplus())
        for surplus in evicted:
            surplus.close()

    def _surplus(self) -> Iterator[OrchestratorRun]:
        """Take out those that were used longest ago, but never the latest one."""
        while len(self._live) > LIVE_EXECUTIONS or (len(self._live) > 1 and self._live_events > LIVE_EVENTS):
            _, oldest = self._live.popitem(last=False)
            self._live_events -= oldest.events_seen
            yield oldest


def _failed(request: pb.OrchestratorRequest, function: Function, error: BaseException) -> pb.OrchestratorResponse:
    """Log what failed a turn beside the orchestrator's own code, and return the answer that fails the orchestration."""
    name = function.durable_name
    if isinstance(error, NonDeterminismError):
        log_failure("Orchestrator", name, error, function, request.instanceId, error.place)
        return failed(request, "NonDeterministicOrchestrationException", str(error))
    log_failure("Orchestrator", name, error, function, request.instanceId)
    described = error_with_place(error, place_in_app(error, function))
    message = f"Orchestrator function '{name}' asked for something that cannot be sent: {described}"
    return failed(request, type_name(error), message)


def _as_past(request: pb.OrchestratorRequest) -> pb.OrchestratorRequest:
    """Return a turn that is done, as a part of its history."""
    return pb.OrchestratorRequest(
        instanceId=request.instanceId,
        executionId=request.executionId if request.HasField("executionId") else None,
        pastEvents=[*request.pastEvents, *request.newEvents],
    )


def _rewound(request: pb.OrchestratorRequest, function: Function | None) -> pb.OrchestratorResponse:
    """Answer a rewind with the history as it was before the failures: they and what led to them are done again."""
    started = execution_started(request)

    def begin(turn: pb.OrchestratorRequest) -> OrchestratorRun:
        assert function is not None
        assert started is not None
        return OrchestratorRun(function, turn, started, checking=Checking.NOTHING)

    kept = rewound(request, begin if function is not None else None)
    action = pb.OrchestratorAction(
        id=next_action_id(request), rewindOrchestration=pb.RewindOrchestrationAction(newHistory=kept)
    )
    return pb.OrchestratorResponse(instanceId=request.instanceId, actions=[action])
