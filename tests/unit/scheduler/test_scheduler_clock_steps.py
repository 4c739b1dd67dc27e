"""Steps of the wall clock, and a computer that slept: what waits keeps to the time that really passes."""

import asyncio
import inspect
import itertools
import time

import pytest

from durable_harness.protocol import from_ns, pb, to_ns
from durable_harness.scheduler import RealClock, TaskHub, clock
from hub_bench import START_NS, Bench, child, complete, kinds

SECOND_NS = 1_000_000_000
DAY_S = 24 * 3600


class World:
    """The clocks of a computer in a test's hands: time passes, the wall clock is set, the computer sleeps."""

    def __init__(self):
        self.wall_ns, self.steady_ns = START_NS, 5 * SECOND_NS
        self.clock = RealClock(wall_ns=lambda: self.wall_ns, steady_ns=lambda: self.steady_ns)

    def wait(self, seconds):
        """Wait until time has passed and what is due by then has fired."""
        self.wall_ns += int(seconds * SECOND_NS)
        self.steady_ns += int(seconds * SECOND_NS)
        self.clock.move_to(self.clock.elapsed_ns())

    def set_wall(self, seconds):
        self.wall_ns += int(seconds * SECOND_NS)


class StepBench(Bench):
    """A bench on a real clock whose sources are in the test's hands."""

    def __init__(self, path=None):
        self.world = World()
        super().__init__(path, self.world.clock)

    def restart_at(self, wall_ns):
        """Continue as another process does, which knows nothing but the file and the wall clock."""
        self.world.wall_ns = wall_ns
        self.world.clock = self.clock = RealClock(
            wall_ns=lambda: self.world.wall_ns, steady_ns=lambda: self.world.steady_ns
        )
        self.hub = self._open_after_death()
        self.connect()


def in_world(coroutine):
    """Run a test with a bench in memory whose clocks are in its hands, once for each direction of a step of a day."""

    @pytest.mark.parametrize("step_s", [-DAY_S, DAY_S], ids=["set back", "set ahead"])
    def test(step_s):
        async def scene():
            bench = StepBench()
            bench.connect()
            await coroutine(bench, bench.world, step_s)
            await bench.close()

        asyncio.run(scene())

    test.__name__, test.__doc__, test.__module__ = coroutine.__name__, coroutine.__doc__, coroutine.__module__
    return test


def on_a_file(coroutine):
    """Run a test with a bench on a file whose clocks are in its hands; what else it takes are parameters of pytest."""
    names = list(inspect.signature(coroutine).parameters.values())[1:]

    def test(tmp_path, **chosen):
        async def scene():
            bench = StepBench(tmp_path / "hub.db")
            bench.connect()
            await coroutine(bench, **chosen)
            await bench.close()

        asyncio.run(scene())

    given = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    test.__name__, test.__doc__, test.__module__ = coroutine.__name__, coroutine.__doc__, coroutine.__module__
    test.__signature__ = inspect.Signature([given, *names])
    return test


def after(item, seconds, task_id=0):
    """Return a timer as an orchestrator makes it: so long after the time of its turn."""
    due_ns = to_ns(item.orchestratorRequest.newEvents[0].timestamp) + int(seconds * SECOND_NS)
    return pb.OrchestratorAction(id=task_id, createTimer={"fireAt": from_ns(due_ns)})


async def begin_timer(bench, instance_id, seconds):
    await bench.start(instance_id)
    item = await bench.item("orchestratorRequest")
    await bench.answer(item, after(item, seconds))


async def fired(bench):
    """Return the instances whose timers have fired."""
    found = []
    while not await bench.no_item():
        item = await bench.item("orchestratorRequest")
        assert kinds(item.orchestratorRequest.newEvents) == ["orchestratorStarted", "timerFired"]
        found.append(item.orchestratorRequest.instanceId)
    return found


@in_world
async def test_a_timer_keeps_its_real_time_through_a_step(bench, world, step_s):
    """A timer of 10 s that was set before the step fires 10 real seconds after, not a second earlier or later."""
    await begin_timer(bench, "before", 10)
    world.wait(4)
    world.set_wall(step_s)
    world.wait(5)
    assert await fired(bench) == []
    world.wait(1)
    assert await fired(bench) == ["before"]


@in_world
async def test_a_timer_after_a_step_does_not_wait_behind_older_ones(bench, world, step_s):
    """What is set after the step fires at its own time, whatever waits since before it."""
    await begin_timer(bench, "before", 3600)
    world.set_wall(step_s)
    await begin_timer(bench, "after", 2)
    world.wait(1)
    assert await fired(bench) == []
    world.wait(1)
    assert await fired(bench) == ["after"]
    world.wait(3600)
    assert await fired(bench) == ["before"]


@in_world
async def test_a_turn_during_a_step_sets_timers_by_its_own_time(bench, world, step_s):
    """A timer made from the time of a turn that a worker had during the step takes its length, not a day more."""
    await bench.start()
    item = await bench.item("orchestratorRequest")
    world.set_wall(step_s)
    await bench.answer(item, after(item, 10))
    world.wait(9)
    assert await fired(bench) == []
    world.wait(1)
    assert await fired(bench) == ["i"]


@in_world
async def test_time_passes_steadily_for_an_orchestration(bench, world, step_s):
    """The times of its turns, which its code reads, differ by what has really passed; the status has the same."""
    await begin_timer(bench, "i", 10)
    world.wait(4)
    world.set_wall(step_s)
    world.wait(6)
    item = await bench.item("orchestratorRequest")
    assert to_ns(item.orchestratorRequest.newEvents[0].timestamp) == START_NS + 10 * SECOND_NS
    await bench.answer(item, child(1, "kid"))
    kid = await bench.item("orchestratorRequest")
    assert to_ns(kid.orchestratorRequest.newEvents[0].timestamp) == START_NS + 10 * SECOND_NS
    world.wait(1)
    await bench.answer(kid, complete())
    await bench.turn(complete())
    state = await bench.state("i")
    assert to_ns(state.completedTimestamp) - to_ns(state.createdTimestamp) == 11 * SECOND_NS
    times = [to_ns(event.timestamp) for event in await bench.history("i")]
    assert times == sorted(times)


@in_world
async def test_instances_after_a_step_have_the_wall_clock_time(bench, world, step_s):
    """A new instance is created at the time that everybody else sees, and a scheduled start comes at its moment."""
    world.wait(3)
    world.set_wall(step_s)
    await bench.start("new")
    assert to_ns((await bench.state("new")).createdTimestamp) == world.wall_ns
    await bench.turn(complete())
    await bench.start("scheduled", scheduledStartTimestamp=from_ns(world.wall_ns + 5 * SECOND_NS))
    world.wait(4)
    assert await bench.no_item()
    world.wait(1)
    assert (await bench.item()).orchestratorRequest.instanceId == "scheduled"


@in_world
async def test_scheduled_starts_and_signals_keep_their_real_time(bench, world, step_s):
    """What a client asked for before a step, or an orchestration by its own time after it, comes when it is due."""

    async def delayed(name, due_ns):
        request = pb.SignalEntityRequest(instanceId="@e@k", name=name, requestId="r", scheduledTime=from_ns(due_ns))
        await bench.hub.signal_entity(request)

    await bench.start("o")
    turn = await bench.item("orchestratorRequest")
    await bench.start("scheduled", scheduledStartTimestamp=from_ns(world.wall_ns + 10 * SECOND_NS))
    await delayed("client-before", world.wall_ns + 10 * SECOND_NS)
    world.set_wall(step_s)
    await delayed("client-after", world.wall_ns + 10 * SECOND_NS)
    signal = pb.EntityOperationSignaledEvent(
        requestId="q", operation="orchestration", scheduledTime=after_turn(turn, 10)
    )
    signal.targetInstanceId.value = "@e@k"
    send = pb.SendEntityMessageAction(entityOperationSignaled=signal)
    await bench.answer(turn, pb.OrchestratorAction(id=0, sendEntityMessage=send))
    world.wait(9)
    assert await bench.no_item()
    world.wait(1)
    assert (await bench.item("orchestratorRequest")).orchestratorRequest.instanceId == "scheduled"
    batch = (await bench.item("entityRequestV2")).entityRequestV2
    names = {operation.entityOperationSignaled.operation for operation in batch.operationRequests}
    assert names == {"client-before", "client-after", "orchestration"}


def after_turn(item, seconds):
    return after(item, seconds).createTimer.fireAt


@in_world
async def test_times_across_a_step_are_not_measured(bench, world, step_s):
    """An instance that was under way during a step has no times to show; those that end before or begin after have."""
    await bench.start("before")
    await bench.turn(complete())
    await bench.start("across")
    item = await bench.item()
    world.set_wall(step_s)
    await bench.answer(item, complete())
    await bench.start("after")
    await bench.turn(complete())
    found = await bench.hub.measure_instances(["before", "across", "after"])
    assert {name: one.ended_ns is not None for name, one in found.items()} == {
        "before": True,
        "across": False,
        "after": True,
    }
    assert (found["across"].created_ns, found["across"].begun_ns) == (None, None)
    assert found["across"].costs is not None


@in_world
async def test_continuing_as_new_follows_the_wall_clock(bench, world, step_s):
    """Continuing as new takes up the time of the wall clock: a daily one is not off by the step forever."""
    await bench.start()
    await bench.turn()
    world.set_wall(step_s)
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    await bench.turn(complete("1", pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    item = await bench.item()
    assert to_ns(item.orchestratorRequest.newEvents[0].timestamp) == world.wall_ns
    await bench.answer(item, after(item, 10))
    world.wait(10)
    assert await fired(bench) == ["i"]


@pytest.mark.parametrize("down_s", [0, 60])
@on_a_file
async def test_after_a_restart_times_continue_from_the_latest(bench, down_s):
    """A wall clock that was set back delays what waits by no more than what passed since it was last written."""
    await begin_timer(bench, "i", 100)
    bench.world.wait(40)
    await bench.start("later", scheduledStartTimestamp=from_ns(bench.world.wall_ns + 60 * SECOND_NS))
    signal = pb.SignalEntityRequest(instanceId="@e@k", name="o", requestId="r")
    signal.scheduledTime.CopyFrom(from_ns(bench.world.wall_ns + 60 * SECOND_NS))
    await bench.hub.signal_entity(signal)
    bench.restart_at(bench.world.wall_ns - DAY_S * SECOND_NS + down_s * SECOND_NS)
    bench.world.wait(59)
    assert await bench.no_item()
    bench.world.wait(1)
    assert {item_of(await bench.item()) for _ in range(2)} == {"later", "@e@k"}
    bench.world.wait(39)
    assert await bench.no_item()
    bench.world.wait(1)
    assert item_of(await bench.item()) == "i"
    await bench.start("new")
    assert to_ns((await bench.state("new")).createdTimestamp) == bench.world.wall_ns


@pytest.mark.parametrize("at_restart_s", [0, -DAY_S], ids=["right", "a day behind"])
@pytest.mark.parametrize("what", ["instance", "entity"])
@on_a_file
async def test_a_clock_that_was_ahead_makes_no_other_timer_early(bench, what, at_restart_s):
    """A timer that was set while the wall clock was right does not fire early because something else saw it ahead."""
    bench.world.set_wall(2 * 3600)
    if what == "instance":
        await bench.start("early")
        await bench.turn(complete("1"))
    else:
        await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId="@e@k", name="o", requestId="r"))
        item = await bench.item()
        await bench.hub.complete_entity_task(pb.EntityBatchResult(completionToken=item.completionToken, results=[{}]))
    bench.world.set_wall(-2 * 3600)
    await begin_timer(bench, "long", 1800)
    bench.restart_at(bench.world.wall_ns + at_restart_s * SECOND_NS)
    bench.world.wait(1799)
    assert await bench.no_item()
    bench.world.wait(1)
    assert await fired(bench) == ["long"]


@pytest.mark.parametrize("purged", [False, True], ids=["kept", "purged"])
@pytest.mark.parametrize("at_restart_s", [0, -DAY_S], ids=["right", "a day behind"])
@on_a_file
async def test_a_clock_that_was_ahead_leaves_nothing_to_later_runs(bench, at_restart_s, purged):
    """Three processes in turn, the first with its clock ahead: a timer that the second sets keeps its length."""
    bench.restart_at(START_NS + 2 * 3600 * SECOND_NS)
    await bench.start("early")
    await bench.turn(complete("1"))
    bench.restart_at(START_NS)
    await begin_timer(bench, "long", 1800)
    assert to_ns((await bench.state("long")).createdTimestamp) == START_NS
    if purged:  # after one more process, whose turn would write the time that it took from there
        bench.restart_at(START_NS)
        await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="long", name="go"))
        await bench.turn()
        await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="early"))
    bench.restart_at(bench.world.wall_ns + at_restart_s * SECOND_NS)
    bench.world.wait(1799)
    assert await bench.no_item()
    bench.world.wait(1)
    assert await fired(bench) == ["long"]


@on_a_file
async def test_older_events_are_not_later_than_their_turn(bench):
    """An event that no turn has taken yet is the latest time of its instance: behind it, time continues from there."""
    await begin_timer(bench, "i", 100)
    bench.world.wait(40)
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    bench.restart_at(bench.world.wall_ns - DAY_S * SECOND_NS)
    item = await bench.item("orchestratorRequest")
    times = [to_ns(new.timestamp) for new in item.orchestratorRequest.newEvents]
    assert times == [START_NS + 40 * SECOND_NS] * 2
    await bench.answer(item)
    bench.world.wait(59)
    assert await bench.no_item()
    bench.world.wait(1)
    assert await fired(bench) == ["i"]


@on_a_file
async def test_a_corrected_time_is_kept_after_a_restart(bench):
    """Of a clock that was ahead nothing is left once it has continued as new: neither its own time nor its events'."""
    bench.world.set_wall(2 * 3600)
    await bench.start()
    item = await bench.item()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="kept"))
    bench.world.set_wall(-2 * 3600)
    renewal = complete("1", pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW)
    carried = pb.HistoryEvent(eventId=-1, timestamp=from_ns(START_NS + 7200 * SECOND_NS), eventRaised={"name": "c"})
    renewal.completeOrchestration.carryoverEvents.append(carried)
    await bench.answer(item, renewal)
    bench.restart_at(bench.world.wall_ns)
    item = await bench.item()
    assert kinds(item.orchestratorRequest.newEvents)[1:] == ["executionStarted", "eventRaised", "eventRaised"]
    assert {to_ns(new.timestamp) for new in item.orchestratorRequest.newEvents} == {START_NS}


def item_of(item):
    return item.orchestratorRequest.instanceId or item.entityRequestV2.instanceId


@on_a_file
async def test_a_rewound_instance_does_not_go_back_in_time(bench):
    """A rewind after the wall clock was set back continues from the last time in the history."""
    await bench.start()
    failed = complete(status=pb.ORCHESTRATION_STATUS_FAILED, failure="broken")
    await bench.turn(failed)
    bench.restart_at(bench.world.wall_ns - DAY_S * SECOND_NS)
    await bench.hub.rewind_instance(pb.RewindInstanceRequest(instanceId="i"))
    item = await bench.item()
    assert to_ns(item.orchestratorRequest.newEvents[0].timestamp) >= START_NS


def test_a_pause_between_the_readings_of_the_clocks_is_no_step():
    """A process that is stopped for a minute while it reads the time does not take that for a step."""
    steady = itertools.chain([0, 0], [60 * SECOND_NS] * 100)
    wall = itertools.chain([START_NS], [START_NS + 60 * SECOND_NS] * 100)
    steps = []
    paused = RealClock(wall_ns=lambda: next(wall), steady_ns=lambda: next(steady))
    paused.on_step(lambda: steps.append(paused.epoch_ns))
    assert paused.now_ns() == START_NS + 60 * SECOND_NS
    assert steps == []


def test_timers_that_fell_due_in_sleep_fire_on_waking(monkeypatch):
    """The clock looks again within its interval, though the event loop believes that an hour is left to wait."""
    monkeypatch.setattr(clock, "CHECK_INTERVAL_S", 0.01)

    async def scene():
        world, woken = World(), asyncio.Event()
        world.clock.call_at(world.clock.now_ns() + 3600 * SECOND_NS, woken.set)
        await asyncio.sleep(0)
        world.wall_ns += 2 * 3600 * SECOND_NS
        world.steady_ns += 2 * 3600 * SECOND_NS
        async with asyncio.timeout(5):
            await woken.wait()

    asyncio.run(scene())


def test_small_clock_adjustments_are_followed_in_sum():
    """Small corrections are no steps one by one, but the time is never off by more than a tenth of a second."""
    world = World()
    for _ in range(100):
        world.wall_ns += SECOND_NS // 50
        assert abs(world.clock.now_ns() - world.wall_ns) <= SECOND_NS // 10


def test_the_waiting_clock_counts_the_computers_sleep():
    """On Linux that is CLOCK_BOOTTIME: the monotonic clock stands still during sleep."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("CLOCK_BOOTTIME is Linux's: run this there")
    before_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    read_ns = clock.steady_ns()
    assert before_ns <= read_ns <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_a_steady_clock_that_goes_back_does_not_stop_the_time():
    """Where even that clock is set, as tools do that fake the time of a process, time continues from where it was."""
    world = World()
    world.wait(10)
    world.steady_ns -= DAY_S * SECOND_NS
    world.wall_ns -= DAY_S * SECOND_NS
    assert world.clock.elapsed_ns() == 10 * SECOND_NS
    world.wait(5)
    assert world.clock.elapsed_ns() == 15 * SECOND_NS
    assert world.clock.now_ns() == world.wall_ns


def test_a_hub_needs_no_more_than_the_clock():
    """A hub by itself has a real clock; its instances begin at the time of the wall clock."""

    async def scene():
        hub = TaskHub("test")
        await hub.start_instance(pb.CreateInstanceRequest(instanceId="i", name="o"))
        answer = await hub.get_instance(pb.GetInstanceRequest(instanceId="i"))
        await hub.journal.close()
        return abs(to_ns(answer.orchestrationState.createdTimestamp) - time.time_ns())

    assert asyncio.run(scene()) < 60 * SECOND_NS
