"""Time in the scheduler: real, moved by hand, and skipped when nothing happens."""

import asyncio
import time
from datetime import timedelta

from durable_harness.protocol import from_ns, pb, to_ns
from durable_harness.scheduler import RealClock, SchedulerOptions, SchedulerService

DAY_NS = 24 * 3600 * 1_000_000_000


def test_due_times_fire_in_their_order_when_the_clock_is_moved():
    """Moving the clock by hand fires what becomes due, the earliest first, each at its own time."""

    async def scene():
        clock, fired = RealClock(), []
        began_ns = clock.now_ns()
        for days in (3, 1, 2, 40):
            clock.call_at(began_ns + days * DAY_NS, lambda days=days: fired.append((days, clock.now_ns())))
        clock.advance(timedelta(days=30).total_seconds())
        return began_ns, clock.now_ns(), fired

    began_ns, now_ns, fired = asyncio.run(scene())
    assert [days for days, _ in fired] == [1, 2, 3]
    assert all(0 <= at_ns - began_ns - days * DAY_NS < 1_000_000_000 for days, at_ns in fired)
    assert 30 * DAY_NS <= now_ns - began_ns < 30 * DAY_NS + 1_000_000_000


def test_what_is_due_during_a_move_because_of_it_fires_in_it():
    """A due time that is set while the clock moves, and lies within the move, fires in the same move."""

    async def scene():
        clock, fired = RealClock(), []

        def again():
            fired.append(clock.now_ns())
            if len(fired) < 5:
                clock.call_at(clock.now_ns() + DAY_NS, again)

        clock.call_at(clock.now_ns() + DAY_NS, again)
        clock.advance(10 * 24 * 3600)
        return fired

    assert len(asyncio.run(scene())) == 5


async def run_timer_chain(hub, days):
    """Run an orchestration of `days` one-day timers, one after the other; return its history and how long it took."""
    began = time.perf_counter()
    await hub.start_instance(pb.CreateInstanceRequest(instanceId="chain", name="chain"))
    created = 0
    async for item in hub.get_work_items(pb.GetWorkItemsRequest()):
        request = item.orchestratorRequest
        now_ns = to_ns(request.newEvents[0].timestamp)
        if created < days:
            action = pb.OrchestratorAction(id=created, createTimer={"fireAt": from_ns(now_ns + DAY_NS)})
        else:
            ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED)
            action = pb.OrchestratorAction(id=-1, completeOrchestration=ending)
        created += 1
        response = pb.OrchestratorResponse(instanceId="chain", completionToken=item.completionToken, actions=[action])
        await hub.complete_orchestrator_task(response)
        if created > days:
            break
    took_s = time.perf_counter() - began
    events = []
    async for chunk in hub.stream_instance_history(pb.StreamInstanceHistoryRequest(instanceId="chain")):
        events += chunk.events
    return events, took_s


def test_a_month_of_timers_passes_in_a_moment():
    """With time skipping, a chain of 30 one-day timers ends at once, and its history reports 30 days."""

    async def scene():
        service = SchedulerService(SchedulerOptions(skip_time=True))
        async with asyncio.timeout(20):
            found = await run_timer_chain(service.hub("default"), 30)
        await service.close()
        return found

    events, _ = asyncio.run(scene())
    fired = [to_ns(event.timestamp) for event in events if event.HasField("timerFired")]
    assert len(fired) == 30
    assert fired == sorted(fired)
    days = (fired[-1] - to_ns(events[0].timestamp)) / DAY_NS
    assert 30 <= days < 30.01


def test_time_stands_while_work_is_going_on():
    """As long as a worker holds work, time is not skipped, whatever is due later."""

    async def scene():
        service = SchedulerService(SchedulerOptions(skip_time=True))
        hub = service.hub("default")
        items = hub.get_work_items(pb.GetWorkItemsRequest())
        await hub.start_instance(pb.CreateInstanceRequest(instanceId="held", name="o"))
        await anext(items)
        service.clock.call_at(service.clock.now_ns() + DAY_NS, lambda: None)
        await hub.start_instance(
            pb.CreateInstanceRequest(
                instanceId="later", name="o", scheduledStartTimestamp=from_ns(service.clock.now_ns() + DAY_NS)
            )
        )
        for _ in range(20):
            await asyncio.sleep(0)
        ahead_ns = service.clock.now_ns() - time.time_ns()
        await service.close()
        return ahead_ns

    assert asyncio.run(scene()) < 1_000_000_000


def test_time_does_not_wait_for_an_ended_orchestration():
    """An activity that still runs after its orchestration was terminated does not hold up the skipping of time."""

    async def scene():
        service = SchedulerService(SchedulerOptions(skip_time=True))
        hub = service.hub("default")
        items = hub.get_work_items(pb.GetWorkItemsRequest())
        await hub.start_instance(pb.CreateInstanceRequest(instanceId="left", name="o"))
        turn = await anext(items)
        hang = pb.OrchestratorAction(id=0, scheduleTask=pb.ScheduleTaskAction(name="hang"))
        await hub.complete_orchestrator_task(
            pb.OrchestratorResponse(instanceId="left", completionToken=turn.completionToken, actions=[hang])
        )
        assert (await anext(items)).HasField("activityRequest")
        await hub.terminate_instance(pb.TerminateRequest(instanceId="left"))
        turn = await anext(items)
        ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_TERMINATED)
        end = pb.OrchestratorAction(id=1, completeOrchestration=ending)
        await hub.complete_orchestrator_task(
            pb.OrchestratorResponse(instanceId="left", completionToken=turn.completionToken, actions=[end])
        )
        due = from_ns(service.clock.now_ns() + DAY_NS)
        await hub.start_instance(pb.CreateInstanceRequest(instanceId="later", name="o", scheduledStartTimestamp=due))
        async with asyncio.timeout(20):
            started = await anext(items)
        await service.close()
        return started.orchestratorRequest.instanceId

    assert asyncio.run(scene()) == "later"


def test_no_time_is_skipped_for_abandoned_waits():
    """The timer of something that has ended is passed over, also behind an alarm that is no reason to skip time."""

    async def scene():
        clock, fired = RealClock(), []
        began_ns = clock.now_ns()
        for days, is_awaited, is_wanted in ((1, True, False), (2, False, True), (3, True, False), (4, True, True)):
            clock.call_at(
                *(began_ns + days * DAY_NS, lambda days=days: fired.append(days)),
                is_awaited=is_awaited,
                is_wanted=lambda is_wanted=is_wanted: is_wanted,
            )
        while clock.skip():
            pass
        only = RealClock()
        only.call_at(only.now_ns() + DAY_NS, lambda: fired.append("alarm"), is_awaited=False)
        only.call_at(only.now_ns() + 2 * DAY_NS, lambda: fired.append("ended"), is_wanted=lambda: False)
        return fired, only.skip(), only.ahead_s

    fired, has_skipped, ahead_s = asyncio.run(scene())
    assert fired == [2, 4]
    assert (has_skipped, ahead_s) == (False, 0)
