"""Recording a history from its scheduler by gRPC: a DTS emulator, a scheduler in Azure, `durable-harness scheduler`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from durable_harness.errors import UnreachableError, UsageError
from durable_harness.host.work.remote import GrpcScheduler
from durable_harness.protocol import RpcError, pb
from durable_harness.protocol.history_file import RecordedHistory, from_events
from durable_harness.replay.activity_inputs import unpack_activity_inputs
from durable_harness.settings import SchedulerAddress

ANSWER_TIMEOUT_S = 30.0


def history_of(
    address: SchedulerAddress, task_hub: str, instance_id: str, timeout_s: float = ANSWER_TIMEOUT_S
) -> RecordedHistory:
    """Return the history of an instance; each answer of the scheduler may take `timeout_s`.

    Raises UnreachableError, or UsageError if there is no such instance.
    """
    with ThreadPoolExecutor(1) as thread:  # there may be an event loop in this one
        events = thread.submit(asyncio.run, _read(address, task_hub, instance_id, timeout_s)).result()
    unpack_activity_inputs(events)
    return from_events(instance_id, events)


async def _read(address: SchedulerAddress, task_hub: str, instance_id: str, timeout_s: float) -> list[Any]:
    scheduler = GrpcScheduler(address, task_hub)
    try:
        async with asyncio.timeout(timeout_s):
            await scheduler.connect()
        async with asyncio.timeout(timeout_s):
            found = await scheduler.get_instance(pb.GetInstanceRequest(instanceId=instance_id))
        if not found.exists:
            raise UsageError(f"There is no instance '{instance_id}' in the task hub '{task_hub}'.")
        return await _events(scheduler, instance_id, timeout_s)
    except TimeoutError as error:
        raise UnreachableError(
            f"The scheduler at {address.endpoint} (task hub '{task_hub}') has not answered for {timeout_s:g} s.\n"
            "  If it is only slow, give it longer: --timeout SECONDS"
        ) from error
    except RpcError as error:
        raise UsageError(f"The scheduler does not give the history of '{instance_id}': {error}") from error
    finally:
        await scheduler.close()


async def _events(scheduler: GrpcScheduler, instance_id: str, timeout_s: float) -> list[Any]:
    """Return the events of an instance. A long history takes its time, but no part of it longer than `timeout_s`."""
    events: list[Any] = []
    async with asyncio.timeout(timeout_s) as limit:
        async for chunk in scheduler.stream_instance_history(pb.StreamInstanceHistoryRequest(instanceId=instance_id)):
            events.extend(chunk.events)
            limit.reschedule(asyncio.get_running_loop().time() + timeout_s)
    return events
