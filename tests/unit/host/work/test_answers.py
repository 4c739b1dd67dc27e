"""Answers that a scheduler refuses or that cannot be sent: the work fails with the reason or goes back at once."""

import asyncio
import functools
from pathlib import Path

import pytest

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.sdk_choice import installed_generation
from durable_harness.host.triggers.bound import FunctionBindings
from durable_harness.host.triggers.inputs import Inputs
from durable_harness.host.triggers.outputs import Outputs
from durable_harness.host.work import answers
from durable_harness.host.work.worker import DurableWorker
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.settings import DurableTaskSettings

LONG_S = 20
TOO_LARGE = RpcError(RpcStatus.RESOURCE_EXHAUSTED, "Received message larger than max (5000000 vs. 4194304)")
REFUSED = RpcError(RpcStatus.INVALID_ARGUMENT, "no such thing")
AWAY = RpcError(RpcStatus.UNAVAILABLE, "gone for lunch")
ENDED = RpcError(RpcStatus.NOT_FOUND, "no lease")
FAILURE_FIELDS = {"complete_activity_task": "failureDetails", "complete_entity_task": "failureDetails"}


class FakeScheduler:
    """A scheduler that sends items, one stream after the other, and answers each call as a test scripts it."""

    def __init__(self, *streams, script=()):
        self.streams = [list(stream) for stream in streams]
        self.script = list(script)
        self.calls = []
        self.enough = asyncio.Event()

    async def get_work_items(self, _request, **_options):
        for item in self.streams.pop(0) if self.streams else ():
            if isinstance(item, Exception):
                raise item
            yield item
        if not self.streams:
            await asyncio.Event().wait()

    async def stream_instance_history(self, _request):
        raise AWAY
        yield

    def __getattr__(self, name):
        return functools.partial(self._call, name)

    async def _call(self, name, request):
        self.calls.append((name, request))
        problem = self.script.pop(0) if self.script else None
        if not self.script:
            asyncio.get_running_loop().call_soon(self.enough.set)
        if problem is not None:
            raise problem

    @property
    def names(self):
        return [name for name, _ in self.calls]


def app():
    activity = {"type": "activityTrigger", "name": "value"}
    return FunctionApp(Path(), [Function("a", activity, (), lambda value: 1, is_async=False, wants_context=False)])


ITEMS = {
    "orchestrator": pb.WorkItem(completionToken="t", orchestratorRequest={"instanceId": "i"}),
    "activity": pb.WorkItem(completionToken="t", activityRequest={"name": "a", "taskId": 3}),
    "entity": pb.WorkItem(completionToken="t", entityRequestV2={"instanceId": "@e@k"}),
}


@pytest.fixture
def work(monkeypatch):
    """Return a function that lets a host work for a fake scheduler until its script is at its end."""
    monkeypatch.setattr(answers, "RETRY_DELAYS_S", (0, 0))
    monkeypatch.setattr("durable_harness.host.work.worker.random.uniform", lambda *_: 0.01)

    async def run(streams, script):
        scheduler = FakeScheduler(*streams, script=script)
        invoker = Invoker("", FunctionBindings(str, Inputs(), Outputs()), timeout_s=None, thread_count=1)
        settings = DurableTaskSettings(hub_name="h")
        runner = installed_generation().runner(app(), invoker, settings, always_replay=False)
        worker = DurableWorker(scheduler, runner, settings)
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(LONG_S):
            await scheduler.enough.wait()
            while worker._running:
                await asyncio.wait(set(worker._running))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await worker.close()
        invoker.close()
        return scheduler

    return lambda *items, script=(None,), streams=None: asyncio.run(run(streams or [items], script))


def failure_of(name, request):
    if name == "complete_orchestrator_task":
        return request.actions[0].completeOrchestration.failureDetails
    return request.failureDetails


@pytest.mark.parametrize("problem", [REFUSED, TOO_LARGE, ValueError("exceeds 2 GB"), TypeError("no bytes")], ids=str)
@pytest.mark.parametrize("kind", ITEMS)
def test_work_whose_answer_is_refused_fails_with_the_reason(work, kind, problem):
    """An answer that cannot be sent is followed by a failure under the same token, which gives the reason."""
    scheduler = work(ITEMS[kind], script=[problem, None])
    first, second = scheduler.calls
    assert [first[0], second[0]] == [f"complete_{kind}_task"] * 2
    assert second[1].completionToken == "t"
    assert str(problem) in failure_of(*second).errorMessage


@pytest.mark.parametrize("kind", ITEMS)
def test_work_that_cannot_even_be_failed_is_given_back(work, kind):
    """Where the failure is refused as well the work is abandoned under its token."""
    scheduler = work(ITEMS[kind], script=[REFUSED, REFUSED, None])
    assert scheduler.names == [f"complete_{kind}_task"] * 2 + [f"abandon_{kind}_task"]
    assert scheduler.calls[-1][1].completionToken == "t"


def test_an_answer_is_sent_again_to_a_scheduler_that_was_away(work):
    """A scheduler that is not there for a moment gets the answer itself, not a failure."""
    scheduler = work(ITEMS["activity"], script=[AWAY, AWAY, None])
    assert scheduler.names == ["complete_activity_task"] * 3
    assert {request.result.value for _, request in scheduler.calls} == {"1"}


def test_an_answer_whose_lease_has_ended_is_dropped(work):
    """Work that another worker has by now is neither failed nor given back."""
    assert work(ITEMS["activity"], script=[ENDED]).names == ["complete_activity_task"]


def test_a_turn_whose_history_cannot_be_read_is_given_back(work):
    """A turn that came without its history is abandoned if the scheduler goes away before it has sent the history."""
    request = {"instanceId": "i", "requiresHistoryStreaming": True}
    scheduler = work(pb.WorkItem(completionToken="t", orchestratorRequest=request))
    assert scheduler.names == ["abandon_orchestrator_task"]


@pytest.mark.parametrize("item", [pb.WorkItem(completionToken="t", entityRequest={}), pb.WorkItem(completionToken="t")])
def test_work_of_an_unknown_kind_is_given_back_at_once(work, item):
    """A work item that this host cannot read is abandoned, whatever kind the scheduler has it under."""
    scheduler = work(item, script=[ENDED, ENDED, None])
    assert scheduler.names == ["abandon_orchestrator_task", "abandon_activity_task", "abandon_entity_task"]
    assert {request.completionToken for _, request in scheduler.calls} == {"t"}


def test_a_health_ping_is_no_work(work):
    """A ping is not given back."""
    scheduler = work(pb.WorkItem(healthPing={}), ITEMS["activity"])
    assert scheduler.names == ["complete_activity_task"]


def test_the_worker_outlives_a_stream_that_cannot_be_read(work):
    """An error of any kind in the work stream is followed by a new stream."""
    scheduler = work(streams=[[ValueError("not a message")], [ITEMS["activity"]]])
    assert scheduler.names == ["complete_activity_task"]
