"""Alarms on the scheduler's clock: due in moves of time, waited for while they ring, and no reason to skip."""

import asyncio
import itertools
import time
from contextlib import aclosing

import grpc
import pytest

from durable_harness.host.work.remote import GrpcScheduler
from durable_harness.protocol import pb
from durable_harness.protocol.alarms import ALARM_METHOD
from durable_harness.scheduler import SchedulerOptions, SchedulerService, TimeControl, alarms
from durable_harness.scheduler import grpc_service as served
from durable_harness.settings.connection_string import parse_connection_string

SECOND_NS = 1_000_000_000
HOUR_S = 3600


async def tick(service, every_s, seen, clock=None):
    """Follow the clock as a timer does: set the next alarm, then close the one that rings."""
    ringing = (clock or service.alarms).alarm("tick", 0)
    now_ns = await anext(ringing)
    try:
        while True:
            now_ns = await anext(ringing)
            seen.append(now_ns)
            following = (clock or service.alarms).alarm("tick", now_ns + every_s * SECOND_NS)
            await anext(following)
            await ringing.aclose()
            ringing = following
    finally:
        await ringing.aclose()


async def until(is_so):
    """Return once something is so."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - what is looked at reports nothing
            await asyncio.sleep(0.001)


def in_a_scheduler(scene, **options):
    """Run a scene with a scheduler, and with a task that follows its clock at an interval in seconds."""

    async def run():
        service = SchedulerService(SchedulerOptions(**options))
        ticking = []
        try:
            return await scene(service, lambda *given: ticking.append(asyncio.create_task(tick(service, *given))))
        finally:
            for task in ticking:
                task.cancel()
            await asyncio.gather(*ticking, return_exceptions=True)
            await service.close()

    return asyncio.run(run())


def test_an_alarm_rings_at_each_due_time_of_a_move():
    """An hour and a minute that are moved have six alarms of ten minutes each, ten minutes apart."""

    async def scene(service, follow):
        seen = []
        follow(600, seen)
        await asyncio.sleep(0)
        await TimeControl(service).advance(HOUR_S + 60)
        return seen

    seen = in_a_scheduler(scene)
    assert len(seen) == 7
    apart_s = [round((later - earlier) / SECOND_NS) for earlier, later in itertools.pairwise(seen)]
    assert apart_s == [600] * 6


def test_time_waits_for_what_an_alarm_brings():
    """A move goes no further while an alarm rings."""

    async def scene(service, _follow):
        done = []

        async def work():
            async with aclosing(service.alarms.alarm("work", service.clock.now_ns() + 10 * SECOND_NS)) as moments:
                await anext(moments)
                await anext(moments)
                for _ in range(20):
                    await asyncio.sleep(0)
                done.append(service.clock.now_ns())

        working = asyncio.create_task(work())
        await asyncio.sleep(0)
        before_ns = service.clock.now_ns()
        await TimeControl(service).advance(20)
        await working
        return done[0] - before_ns

    assert in_a_scheduler(scene) < 19 * SECOND_NS


def test_an_alarm_of_every_second_does_not_make_a_move_endless(monkeypatch, caplog):
    """Beyond a number of times an alarm is due once more, at the end of the move; the next move counts from 0."""
    monkeypatch.setattr(alarms, "MOST_FIRINGS", 10)

    async def scene(service, follow):
        seen, counts = [], []
        follow(1, seen)
        await asyncio.sleep(0)
        for _ in range(2):
            seen.clear()
            await TimeControl(service).advance(HOUR_S)
            counts.append(len(seen))
        return counts

    assert all(10 <= count <= 12 for count in in_a_scheduler(scene))
    assert caplog.text.count("'tick' was due 10 times while time was moved") == 2


def test_an_alarm_alone_is_no_reason_to_skip_time():
    """While time is skipped an alarm that nothing else waits for comes when its time has passed."""

    async def scene(service, follow):
        seen = []
        follow(HOUR_S, seen)
        for _ in range(20):
            await asyncio.sleep(0)
        service.skip_if_idle()
        return seen, service.clock.is_moved

    seen, is_moved = in_a_scheduler(scene, skip_time=True)
    assert len(seen) == 1
    assert not is_moved


def test_an_alarm_rings_on_the_way_to_what_time_is_skipped_for():
    """A start that is scheduled in a day lets 24 alarms of an hour ring on the way."""

    async def scene(service, follow):
        seen = []
        follow(HOUR_S, seen)
        await asyncio.sleep(0)
        began_ns = service.clock.now_ns()
        service.journal.on_each_commit(service.progress.set)
        start = pb.CreateInstanceRequest(instanceId="later", name="later")
        start.scheduledStartTimestamp.FromNanoseconds(began_ns + 24 * HOUR_S * SECOND_NS)
        await service.hub("default").start_instance(start)
        async with asyncio.timeout(30):
            while service.clock.now_ns() < began_ns + 24 * HOUR_S * SECOND_NS:
                await service.progress.wait()
                service.progress.clear()
        return len(seen)

    assert in_a_scheduler(scene, skip_time=True) in {24, 25}


async def over_grpc(service, scene):
    """Run a scene with a client of a scheduler that is served over gRPC."""
    grpc_service = served.GrpcService(service)
    port = grpc_service.start("127.0.0.1:0")
    text = f"Endpoint=http://127.0.0.1:{port};Authentication=None"
    remote = GrpcScheduler(parse_connection_string(text, where="", key=""), "default")
    try:
        return await scene(remote, port)
    finally:
        await remote.close()
        await grpc_service.stop()


def test_a_scheduler_in_another_process_has_alarms_too():
    """Over gRPC an alarm follows the scheduler's clock, and rings until its iterator is closed."""

    async def scene(service, _follow):
        async def ask(remote, _port):
            seen = []
            ticking = asyncio.create_task(tick(service, 600, seen, remote))
            await until(lambda: service.alarms.are_set)
            await TimeControl(service).advance(HOUR_S + 60)
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await until(lambda: not service.alarms.are_set)
            return len(seen)

        return await over_grpc(service, ask)

    assert in_a_scheduler(scene) == 7


def test_other_schedulers_leave_the_wall_clock(monkeypatch):
    """A scheduler that does not know the method is asked once; its alarms are those of this machine."""
    monkeypatch.setattr(served, "ALARM_METHOD", "/other.Alarms/Set")

    async def scene(service, _follow):
        async def ask(remote, _port):
            began_ns = time.time_ns()
            async with aclosing(remote.alarm("one", began_ns + SECOND_NS // 20)) as moments:
                return began_ns, [now_ns async for now_ns in moments]

        return await over_grpc(service, ask)

    began_ns, (set_ns, due_ns) = in_a_scheduler(scene)
    assert set_ns >= began_ns
    assert due_ns >= began_ns + SECOND_NS // 20


@pytest.mark.parametrize("body", [b"", b"[]", b'{"name": 1, "dueNs": 2}', b'{"name": "x", "dueNs": "soon"}'])
def test_an_alarm_is_asked_for_by_name_and_time(body):
    """Another body is refused with what is expected."""

    async def scene(service, _follow):
        async def ask(_remote, port):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                call = channel.unary_stream(ALARM_METHOD)(body)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call.read()
                return refused.value.code(), refused.value.details()

        return await over_grpc(service, ask)

    code, details = in_a_scheduler(scene)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert 'JSON object {"name": "…", "dueNs": …}' in details
