"""A worker and a client for scheduler tests: plain coroutines on one task hub, nothing else."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from durable_harness.protocol import from_ns, pb
from durable_harness.scheduler import TaskHub
from durable_harness.scheduler.storage.journal import Journal
from durable_harness.scheduler.storage.store import Store

START_NS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000


class HandClock:
    """A clock that stands still until a test moves it. It is the scheduler's only one: its times are not modelled."""

    is_moved = False

    def __init__(self):
        self.time_ns = START_NS
        self.due = []

    def now_ns(self):
        return self.time_ns

    epoch_ns = 0

    def elapsed_ns(self, epoch_ns=0):
        return self.time_ns + epoch_ns

    def on_step(self, callback):
        pass

    def call_at(self, due_ns, callback, epoch_ns=0, *, is_wanted=None):
        self.due.append((due_ns, len(self.due), callback))

    def advance(self, seconds):
        until_ns = self.time_ns + int(seconds * 1_000_000_000)
        while ready := sorted(entry for entry in self.due if entry[0] <= until_ns):
            self.due.remove(ready[0])
            self.time_ns = max(self.time_ns, ready[0][0])
            ready[0][2]()
        self.time_ns = until_ns


class Worker:
    """One worker stream, read in the background; `close` ends it as a lost connection does."""

    def __init__(self, hub, *, keeps_executions=False, **limits):
        self._hub = hub
        self._stream = hub.get_work_items(pb.GetWorkItemsRequest(**limits), keeps_executions=keeps_executions)
        self._items = []
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self):
        async for item in self._stream:
            self._items.append(item)

    async def item(self, kind=None):
        """Return the next work item, or the next of a kind."""
        async with asyncio.timeout(5):
            while True:
                for item in self._items:
                    if kind is None or item.HasField(kind):
                        self._items.remove(item)
                        return item
                await asyncio.sleep(0)

    async def idle(self):
        """Return whether no work comes although the loop had every chance to deliver it."""
        for _ in range(20):
            await self._hub.journal.written()
            await asyncio.sleep(0)
        return not self._items

    async def close(self):
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


class Bench:
    """A task hub on a standing clock, in memory or in a file, with a worker that the test answers by hand."""

    def __init__(self, path=None, clock=None):
        self.clock = clock or HandClock()
        self.path = path
        self.worker = None
        self._dead = []
        self.hub = self._open()

    def _open(self):
        hub = TaskHub("test", self.clock, Journal(Store(self.path)))
        hub.state.load()
        return hub

    def _open_after_death(self):
        """Open the file as after the sudden death of the process: unlocked, and what it had open as it was."""
        self._dead.append(self.hub.journal.store)
        self._dead[-1]._unlock()
        return self._open()

    def restart(self):
        """Continue with the file as after the sudden death of the process; a new worker has to connect."""
        self.clock.due.clear()
        self.hub = self._open_after_death()
        self.worker = None

    async def close(self):
        if self.worker:
            await self.worker.close()
        await self.hub.journal.close()
        for store in self._dead:
            store.close()

    def connect(self, **limits):
        """Open a worker stream, which `item`, `turn` and `activity` read from now on."""
        self.worker = Worker(self.hub, **limits)
        return self.worker

    async def item(self, kind=None):
        return await self.worker.item(kind)

    async def no_item(self):
        return await self.worker.idle()

    async def start(self, instance_id="i", name="o", **fields):
        text = fields.pop("input", None)
        request = pb.CreateInstanceRequest(instanceId=instance_id, name=name, **fields)
        if text is not None:
            request.input.value = text
        return await self.hub.start_instance(request)

    async def answer(self, item, *actions, status=None):
        response = pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId, completionToken=item.completionToken, actions=actions
        )
        if status is not None:
            response.customStatus.value = status
        await self.hub.complete_orchestrator_task(response)

    async def turn(self, *actions):
        """Take the next turn and answer it; return the kinds of its new events."""
        item = await self.item("orchestratorRequest")
        await self.answer(item, *actions)
        return kinds(item.orchestratorRequest.newEvents)

    async def activity(self, result="null", failure=None):
        item = await self.item("activityRequest")
        response = pb.ActivityResponse(completionToken=item.completionToken)
        if failure:
            response.failureDetails.errorMessage = failure
        else:
            response.result.value = result
        await self.hub.complete_activity_task(response)
        return item.activityRequest

    async def state(self, instance_id="i"):
        answer = await self.hub.get_instance(pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True))
        return answer.orchestrationState if answer.exists else None

    async def status(self, instance_id="i"):
        state = await self.state(instance_id)
        return None if state is None else status_name(state.orchestrationStatus)

    async def history(self, instance_id="i"):
        events = []
        async for chunk in self.hub.stream_instance_history(pb.StreamInstanceHistoryRequest(instanceId=instance_id)):
            events.extend(chunk.events)
        return events


def status_name(status):
    return pb.OrchestrationStatus.Name(status).removeprefix("ORCHESTRATION_STATUS_")


def kinds(events):
    return [event.WhichOneof("eventType") for event in events]


def schedule(task_id, name="a", text=None):
    task = pb.ScheduleTaskAction(name=name)
    if text is not None:
        task.input.value = text
    return pb.OrchestratorAction(id=task_id, scheduleTask=task)


def timer(task_id, seconds):
    action = pb.CreateTimerAction()
    action.fireAt.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    return pb.OrchestratorAction(id=task_id, createTimer=action)


def child(task_id, instance_id, name="child"):
    return pb.OrchestratorAction(
        id=task_id, createSubOrchestration=pb.CreateSubOrchestrationAction(instanceId=instance_id, name=name)
    )


def complete(result=None, status=pb.ORCHESTRATION_STATUS_COMPLETED, failure=None, carryover=()):
    ending = pb.CompleteOrchestrationAction(orchestrationStatus=status, carryoverEvents=carryover)
    if result is not None:
        ending.result.value = result
    if failure is not None:
        ending.failureDetails.errorMessage = failure
    return pb.OrchestratorAction(id=-1, completeOrchestration=ending)


def fail(message="broken"):
    return complete(status=pb.ORCHESTRATION_STATUS_FAILED, failure=message)


def at(seconds):
    return from_ns(START_NS + int(seconds * 1_000_000_000))


def scenario(coroutine):
    """Run a test's coroutine with a bench in memory and with one in a file: it reads like a story of one task hub."""

    @pytest.mark.parametrize("where", ["memory", "file"])
    def test(where):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run_with_bench(coroutine, None if where == "memory" else Path(folder) / "hub.db"))

    return named_like(test, coroutine)


def file_scenario(coroutine):
    """Run a test's coroutine with a bench in a file."""

    def test(tmp_path):
        asyncio.run(run_with_bench(coroutine, tmp_path / "hub.db"))

    return named_like(test, coroutine)


async def run_with_bench(coroutine, path):
    bench = Bench(path)
    try:
        await coroutine(bench)
    finally:
        await bench.close()


def named_like(test, coroutine):
    test.__name__, test.__doc__, test.__module__ = coroutine.__name__, coroutine.__doc__, coroutine.__module__
    return test
