"""A bare gRPC worker and client, with next to no work of its own, for whatever speaks the protocol.

python benchmarks/grpc_driver.py ADDRESS CONCURRENCY COUNT   run one-activity orchestrations
python benchmarks/grpc_driver.py ADDRESS fan-out COUNT       print the seconds that COUNT activities in one take
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from durable_harness.protocol import pb

POLL_S = 0.1
outstanding: dict[str, int] = {}


async def drive(address: str, concurrency: int, operations: int) -> None:
    async with working(address) as stub:
        numbers = iter(range(operations))
        await asyncio.gather(*(client(stub, numbers) for _ in range(concurrency)))


async def fan_out_s(address: str, count: int) -> float:
    """Return the seconds from starting an orchestration of `count` activities at once until its end was reported."""
    async with working(address) as stub:
        for activities in (10, count):
            began = time.perf_counter()
            started = await stub.StartInstance(pb.CreateInstanceRequest(name="o", input={"value": str(activities)}))
            await stub.WaitForInstanceCompletion(pb.GetInstanceRequest(instanceId=started.instanceId), timeout=60)
            took_s = time.perf_counter() - began
    return took_s


@asynccontextmanager
async def working(address: str) -> AsyncIterator[Any]:
    """Yield a stub of a service for which a worker works."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = TaskHubSidecarServiceStub(channel)
        answering: set[asyncio.Future[Any]] = set()

        async def work() -> None:
            async for item in stub.GetWorkItems(pb.GetWorkItemsRequest()):
                future = asyncio.ensure_future(answer(stub, item))
                answering.add(future)
                future.add_done_callback(answering.discard)

        worker = asyncio.ensure_future(work())
        yield stub
        worker.cancel()


async def client(stub: Any, numbers: Any) -> None:
    for _ in numbers:
        started = await stub.StartInstance(pb.CreateInstanceRequest(name="o", input={"value": "1"}))
        query = pb.GetInstanceRequest(instanceId=started.instanceId)
        while await status(stub, query) != pb.ORCHESTRATION_STATUS_COMPLETED:  # noqa: ASYNC110 - polling is measured
            await asyncio.sleep(POLL_S)


async def status(stub: Any, query: Any) -> int:
    return int((await stub.GetInstance(query)).orchestrationState.orchestrationStatus)


async def answer(stub: Any, item: Any) -> None:
    if item.HasField("activityRequest"):
        request = item.activityRequest
        await stub.CompleteActivityTask(
            pb.ActivityResponse(
                instanceId=request.orchestrationInstance.instanceId,
                taskId=request.taskId,
                completionToken=item.completionToken,
                result={"value": "1"},
            )
        )
    elif item.HasField("orchestratorRequest"):
        request = item.orchestratorRequest
        await stub.CompleteOrchestratorTask(
            pb.OrchestratorResponse(
                instanceId=request.instanceId, completionToken=item.completionToken, actions=actions(request)
            )
        )


def actions(request: Any) -> list[Any]:
    """Schedule as many activities as the input specifies; end when all of them have."""
    done = 0
    for event in request.newEvents:
        if event.HasField("executionStarted"):
            outstanding[request.instanceId] = count = int(event.executionStarted.input.value)
            task = {"name": "a", "input": {"value": "1"}}
            return [pb.OrchestratorAction(id=number, scheduleTask=task) for number in range(count)]
        done += event.HasField("taskCompleted")
    outstanding[request.instanceId] -= done
    if outstanding[request.instanceId]:
        return []
    count = sum(event.HasField("taskScheduled") for event in request.pastEvents)
    ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED, "result": {"value": "1"}}
    return [pb.OrchestratorAction(id=count, completeOrchestration=ending)]


if __name__ == "__main__":
    where, how, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if how == "fan-out":
        print(asyncio.run(fan_out_s(where, number)))
    else:
        asyncio.run(drive(where, int(how), number))
