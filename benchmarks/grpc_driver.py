"""A bare gRPC worker and client: `python benchmarks/grpc_driver.py ADDRESS CONCURRENCY COUNT`.

Runs one-activity orchestrations on whatever speaks the protocol, with next to no work of its own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from durable_harness.protocol import pb

POLL_S = 0.1


async def drive(address: str, concurrency: int, operations: int) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = TaskHubSidecarServiceStub(channel)
        answering: set[asyncio.Future[Any]] = set()

        async def work() -> None:
            async for item in stub.GetWorkItems(pb.GetWorkItemsRequest()):
                future = asyncio.ensure_future(answer(stub, item))
                answering.add(future)
                future.add_done_callback(answering.discard)

        numbers = iter(range(operations))
        worker = asyncio.ensure_future(work())
        await asyncio.gather(*(client(stub, numbers) for _ in range(concurrency)))
        worker.cancel()


async def client(stub: Any, numbers: Any) -> None:
    for _ in numbers:
        started = await stub.StartInstance(pb.CreateInstanceRequest(name="o", input={"value": "{}"}))
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
        ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED, "result": {"value": "1"}}
        action = (
            pb.OrchestratorAction(id=1, completeOrchestration=ending)
            if len(request.pastEvents)
            else pb.OrchestratorAction(id=0, scheduleTask={"name": "a", "input": {"value": "1"}})
        )
        await stub.CompleteOrchestratorTask(
            pb.OrchestratorResponse(
                instanceId=request.instanceId, completionToken=item.completionToken, actions=[action]
            )
        )


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
