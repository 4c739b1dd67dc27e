"""Recording a history from its scheduler by gRPC: a DTS emulator, a scheduler in Azure, `durable-harness scheduler`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.host.work.remote import GrpcScheduler
from durable_harness.protocol import RpcError, pb
from durable_harness.protocol.history_file import RecordedHistory, from_events
from durable_harness.replay.activity_inputs import unpack_activity_inputs
from durable_harness.settings import SchedulerAddress


def history_of(address: SchedulerAddress, task_hub: str, instance_id: str) -> RecordedHistory:
    """Return the history of an instance. Raises UnreachableError, or UsageError where there is no such instance."""
    with ThreadPoolExecutor(1) as thread:  # there may be an event loop in this one
        events = thread.submit(asyncio.run, _read(address, task_hub, instance_id)).result()
    unpack_activity_inputs(events)
    return from_events(instance_id, events)


async def _read(address: SchedulerAddress, task_hub: str, instance_id: str) -> list[Any]:
    scheduler = GrpcScheduler(address, task_hub)
    try:
        await scheduler.connect()
        found = await scheduler.get_instance(pb.GetInstanceRequest(instanceId=instance_id))
        if not found.exists:
            raise UsageError(f"There is no instance '{instance_id}' in the task hub '{task_hub}'.")
        query = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
        return [event async for chunk in scheduler.stream_instance_history(query) for event in chunk.events]
    except RpcError as error:
        raise UsageError(f"The scheduler does not give the history of '{instance_id}': {error}") from error
    finally:
        await scheduler.close()
