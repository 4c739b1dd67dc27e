"""The gRPC face of the scheduler: `TaskHubSidecarService` of the Durable Task protocol, the hub named in metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import aclosing

from google.protobuf.message import Message

from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.protocol.alarms import ALARM_METHOD, SLEEP_METHOD
from durable_harness.protocol.continuing import KEEPS_EXECUTIONS_HEADER
from durable_harness.protocol.costs import MEASURE_METHOD
from durable_harness.protocol.timings import TIMINGS_METHOD
from durable_harness.rpc.calls import LastingRpcCall, Method, RpcCall
from durable_harness.rpc.choice import new_server
from durable_harness.rpc.methods import (
    OF_CLIENTS,
    SERVER_OPTIONS,
    by_path,
    client_methods,
    greeting,
    read,
    refusals,
    send_all,
    unary_methods,
)
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.service import SchedulerService
from durable_harness.settings.task_hubs import DEFAULT_HUB

OF_WORKERS: dict[str, tuple[str, type[Message]]] = {
    "CompleteActivityTask": ("complete_activity_task", pb.ActivityResponse),
    "CompleteOrchestratorTask": ("complete_orchestrator_task", pb.OrchestratorResponse),
    "CompleteEntityTask": ("complete_entity_task", pb.EntityBatchResult),
    "AbandonTaskActivityWorkItem": ("abandon_activity_task", pb.AbandonActivityTaskRequest),
    "AbandonTaskOrchestratorWorkItem": ("abandon_orchestrator_task", pb.AbandonOrchestrationTaskRequest),
    "AbandonTaskEntityWorkItem": ("abandon_entity_task", pb.AbandonEntityTaskRequest),
}
UNARY = OF_CLIENTS | OF_WORKERS
MOST_NAME_CHARS = 200
"""How much is kept of what a worker calls itself."""


class GrpcService:
    """Serves the protocol on an address."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service
        methods = by_path(self._methods())
        methods[MEASURE_METHOD] = Method(self._measure)
        methods[TIMINGS_METHOD] = Method(self._timings)
        methods[ALARM_METHOD] = Method(self._alarm, is_lasting=True)
        methods[SLEEP_METHOD] = Method(self._sleep, is_lasting=True)
        self._server = new_server(methods, SERVER_OPTIONS)

    def start(self, address: str) -> int:
        """Listen on `host:port` and return the port. Raises RuntimeError if it is in use."""
        return self._server.start(address)

    async def stop(self) -> None:
        await self._server.stop(grace_s=0.2)

    def _methods(self) -> Iterator[tuple[str, Method]]:
        yield from client_methods(self._hub)
        yield from unary_methods(OF_WORKERS, self._hub)
        yield "GetWorkItems", Method(self._work, is_lasting=True)
        yield "CreateTaskHub", greeting(pb.CreateTaskHubResponse(), self._hub)
        yield "DeleteTaskHub", Method(_delete_hub)

    async def _work(self, call: LastingRpcCall) -> None:
        metadata = dict(call.metadata)
        keeps_executions = KEEPS_EXECUTIONS_HEADER in metadata
        worker = str(metadata.get("workerid", ""))[:MOST_NAME_CHARS]
        with refusals(call):
            request = read(pb.GetWorkItemsRequest, call.body)
            items = self._hub(call).get_work_items(request, keeps_executions=keeps_executions, worker=worker)
            await send_all(call, items)

    async def _measure(self, call: RpcCall) -> None:
        with refusals(call):
            measured = await self._hub(call).measure_instances(_read_ids(call.body))
            answer = {instance_id: measurement.as_json() for instance_id, measurement in measured.items()}
            call.finish(json.dumps(answer).encode())

    async def _timings(self, call: RpcCall) -> None:
        with refusals(call):
            document = await self._hub(call).instance_timings(call.body.decode(errors="replace"))
            call.finish(json.dumps(document).encode())

    async def _alarm(self, call: LastingRpcCall) -> None:
        with refusals(call):
            name, due_ns = _read_alarm(call.body)
            async with aclosing(self._service.alarms.alarm(name, due_ns)) as moments:
                async for now_ns in moments:
                    await call.send(json.dumps({"nowNs": now_ns}).encode())

    async def _sleep(self, call: LastingRpcCall) -> None:
        with refusals(call):
            await self._service.alarms.sleep(*_read_sleep(call.body))
            await call.send(b"{}")

    def _hub(self, call: RpcCall) -> TaskHub:
        for name, value in call.metadata:
            if name == "taskhub":
                return self._service.hub(str(value))
        return self._service.hub(DEFAULT_HUB)


async def _delete_hub(call: RpcCall) -> None:
    with refusals(call):
        raise RpcError(RpcStatus.UNIMPLEMENTED, "This scheduler deletes no task hubs. Start it with others.")


def _read_alarm(body: bytes) -> tuple[str, int]:
    name, due_ns = _members(body, "name", "dueNs")
    if not isinstance(name, str) or not isinstance(due_ns, int):
        raise RpcError(RpcStatus.INVALID_ARGUMENT, 'The request is not a JSON object {"name": "…", "dueNs": …}.')
    return name, due_ns


def _read_sleep(body: bytes) -> tuple[str, float]:
    token, seconds = _members(body, "token", "seconds")
    if not isinstance(token, str) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, 'The request is not a JSON object {"token": "…", "seconds": …}.')
    return token, seconds


def _members(body: bytes, *names: str) -> list[object]:
    """Return members of a JSON object; None for each that is missing, or if it is not an object."""
    try:
        document = json.loads(body)
        return [document[name] for name in names]
    except (ValueError, RecursionError, LookupError, TypeError):
        return [None] * len(names)


def _read_ids(body: bytes) -> list[str]:
    try:
        ids = json.loads(body)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "The request is not a JSON list of instance ids.")
    return ids
