"""azure-functions-durable 1.x as the host sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azure.durable_functions.models.utils import http_utils

from durable_harness.host.app.bindings import DurableEndpoints
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.sdk.generation import SdkState
from durable_harness.host.sdk1.endpoint import HttpEndpoint
from durable_harness.host.sdk1.execution import Checking, OrchestratorRun
from durable_harness.host.sdk1.running import Sdk1Runner
from durable_harness.host.sdk1.selftest import check_sdk
from durable_harness.protocol import Scheduler, pb
from durable_harness.settings import DurableTaskSettings


class Sdk1:
    """Implements `durable_harness.host.sdk.generation.Generation`."""

    def check(self) -> None:
        check_sdk()

    def runner(
        self, app: FunctionApp, invoker: Invoker, settings: DurableTaskSettings, *, always_replay: bool
    ) -> Sdk1Runner:
        return Sdk1Runner(app, invoker, settings, always_replay=always_replay)

    def endpoint(self, _scheduler: Scheduler, _settings: DurableTaskSettings) -> HttpEndpoint:
        return HttpEndpoint()

    def client_value(self, endpoints: DurableEndpoints, binding: Mapping[str, object]) -> str:
        return endpoints.client_binding(binding)

    def swap_state(self, _state: SdkState | None) -> None:
        """1.x keeps nothing of an app."""

    def with_payloads(self, events: Sequence[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
        return list(events)

    def begin_replay(
        self, function: Function, turn: pb.OrchestratorRequest, started: pb.ExecutionStartedEvent
    ) -> OrchestratorRun:
        return OrchestratorRun(function, turn, started, checking=Checking.NOTHING)

    async def close(self) -> None:
        """The SDK's client keeps one HTTP session for the process since 1.5; nothing else closes it."""
        close_session = getattr(http_utils, "_close_session", None)
        if close_session is not None:
            await close_session()
