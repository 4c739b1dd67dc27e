"""azure-functions-durable 2.x as the host sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from durable_harness.host.app.bindings import DurableEndpoints
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.sdk.generation import SdkState
from durable_harness.host.sdk2.client_value import client_value
from durable_harness.host.sdk2.endpoint import GrpcEndpoint
from durable_harness.host.sdk2.failed_lines import note_lines_of_failures
from durable_harness.host.sdk2.faster import read_version_once
from durable_harness.host.sdk2.logged_once import log_entity_errors_once
from durable_harness.host.sdk2.pool import use_pool_of
from durable_harness.host.sdk2.replayed import EngineReplay
from durable_harness.host.sdk2.running import Sdk2Runner
from durable_harness.host.sdk2.selftest import check_sdk
from durable_harness.host.sdk2.stored_payloads import swap_state, with_payloads
from durable_harness.protocol import Scheduler, pb
from durable_harness.settings import DurableTaskSettings


class Sdk2:
    """Implements `durable_harness.host.sdk.generation.Generation`."""

    def check(self) -> None:
        check_sdk()
        read_version_once()

    def runner(
        self, app: FunctionApp, invoker: Invoker, settings: DurableTaskSettings, *, always_replay: bool
    ) -> Sdk2Runner:
        use_pool_of(invoker)
        log_entity_errors_once()
        note_lines_of_failures()
        return Sdk2Runner(app, invoker, settings, always_replay=always_replay)

    def endpoint(self, scheduler: Scheduler, settings: DurableTaskSettings) -> GrpcEndpoint:
        return GrpcEndpoint(scheduler, settings)

    def client_value(self, endpoints: DurableEndpoints, binding: Mapping[str, object]) -> str:
        return client_value(endpoints, binding)

    def swap_state(self, state: SdkState | None) -> SdkState:
        return swap_state(state)

    def with_payloads(self, events: Sequence[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
        return list(with_payloads(pb.OrchestratorRequest(pastEvents=events)).pastEvents)

    def begin_replay(
        self, function: Function, turn: pb.OrchestratorRequest, _started: pb.ExecutionStartedEvent
    ) -> EngineReplay:
        return EngineReplay(function, turn.instanceId)

    async def close(self) -> None:
        """Each client closes itself after its invocation; those of plain functions at the end of the process."""
