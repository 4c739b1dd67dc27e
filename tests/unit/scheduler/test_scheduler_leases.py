"""Leases and worker streams one by one: expiry, work that is declined or sleeps, what a page asks of a dispatcher."""

import asyncio
import math
import time

import pytest

from durable_harness.protocol import pb
from durable_harness.protocol.timings import SLOT, WORKER
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler import dispatch
from durable_harness.scheduler.dispatch import Dispatcher
from durable_harness.scheduler.timings import WorkTimes

ACTIVITY, ORCHESTRATION, ENTITY = Kind.ACTIVITY, Kind.ORCHESTRATION, Kind.ENTITY


class Job:
    """A piece of work that notes what becomes of it."""

    def __init__(self, name="a", kind=ACTIVITY, version="", *, is_awaited=True):
        self.kind, self.name, self.version, self.is_awaited = kind, name, version, is_awaited
        self.times = WorkTimes("activity")
        self.notes = []
        self.came_back = asyncio.Event()
        self.is_over = False

    def make_item(self, *, keeps_executions):
        return None if self.is_over else pb.WorkItem(activityRequest=pb.ActivityRequest(name=self.name))

    def give_back(self):
        self.notes.append("back")
        self.came_back.set()

    async def until_it_is_back(self):
        async with asyncio.timeout(5):
            await self.came_back.wait()

    def will_be_repeated(self):
        self.notes.append("repeated")

    def was_lost(self):
        self.notes.append("lost")


class Stream:
    """A worker's stream, read by hand."""

    def __init__(self, dispatcher, name="", *, filters=None, **limits):
        request = pb.GetWorkItemsRequest(**limits)
        if filters is not None:
            request.workItemFilters.CopyFrom(filters)
        self._items = dispatcher.stream(request, name=name)
        self._next = None

    async def open(self):
        """Connect, and wait for whatever comes first."""
        self._next = asyncio.ensure_future(anext(self._items))
        await asyncio.sleep(0)
        return self

    async def item(self):
        """Return the next item; fail if none is on its way."""
        async with asyncio.timeout(5):
            item = await self._next
        self._next = asyncio.ensure_future(anext(self._items))
        await asyncio.sleep(0)
        return item

    async def has_item(self):
        await asyncio.sleep(0)
        return self._next.done()

    async def close(self):
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._items.aclose()


def story(coroutine):
    """Run a test's coroutine on a loop of its own."""

    def test():
        asyncio.run(coroutine())

    test.__name__, test.__doc__, test.__module__ = coroutine.__name__, coroutine.__doc__, coroutine.__module__
    return test


def names(*activities, orchestrations=(), entities=(), versions=()):
    return pb.WorkItemFilters(
        activities=[pb.ActivityFilter(name=name, versions=versions) for name in activities],
        orchestrations=[pb.OrchestrationFilter(name=name) for name in orchestrations],
        entities=[pb.EntityFilter(name=name) for name in entities],
    )


@story
async def test_a_lease_that_is_too_old_is_given_back():
    """Work of a worker that hangs goes to another one after the time-out: it may have been done, but was not lost."""
    dispatcher, job = Dispatcher(lease_timeout_s=0.08), Job()
    hanging = await Stream(dispatcher, maxConcurrentActivityWorkItems=1).open()
    dispatcher.offer(job)
    first = await hanging.item()
    other = await Stream(dispatcher, maxConcurrentActivityWorkItems=1).open()
    began = time.monotonic()
    await job.until_it_is_back()
    assert time.monotonic() - began > 0.03
    assert job.notes[:2] == ["back", "repeated"]
    assert "lost" not in job.notes
    assert dispatcher.take(first.completionToken, ACTIVITY) is None
    await hanging.close()
    await other.close()


@story
async def test_without_a_time_out_no_lease_grows_old():
    """A worker may take as long as it wants where no time-out is set: nothing even looks."""
    dispatcher, job = Dispatcher(), Job()
    stream = await Stream(dispatcher).open()
    dispatcher.offer(job)
    item = await stream.item()
    assert dispatcher._sweep is None
    assert dispatcher._leases[item.completionToken].deadline_s == math.inf
    await stream.close()


@story
async def test_leases_are_looked_at_as_long_as_there_are_any():
    """Each new lease of a dispatcher that rests sets the next look; one look is set at a time."""
    dispatcher = Dispatcher(lease_timeout_s=0.05)
    stream = await Stream(dispatcher).open()
    time_s = asyncio.get_running_loop().time
    for name in ("a", "b"):
        job = Job(name)
        before_s = time_s()
        dispatcher.offer(job)
        assert before_s < dispatcher._sweep.when() <= time_s() + 0.05
        await stream.item()
        await job.until_it_is_back()
    await stream.close()


@story
async def test_work_that_sleeps_keeps_nothing_busy():
    """Leased work that waits for a time on the scheduler's clock is not outstanding, until it says otherwise."""
    dispatcher, job = Dispatcher(), Job()
    stream = await Stream(dispatcher).open()
    dispatcher.offer(job)
    item = await stream.item()
    assert list(dispatcher.outstanding()) == [job]
    dispatcher.set_asleep(item.completionToken, is_asleep=True)
    assert (list(dispatcher.outstanding()), dispatcher.busy) == ([], False)
    dispatcher.set_asleep(item.completionToken, is_asleep=False)
    assert dispatcher.busy
    dispatcher.set_asleep("unknown", is_asleep=True)
    assert dispatcher.busy
    await stream.close()


@story
async def test_work_that_nothing_waits_for_is_not_outstanding():
    """Work of an instance that has ended keeps no clock from being moved, and can be dropped where no worker has it."""
    dispatcher, wanted, unwanted = Dispatcher(), Job("wanted"), Job("unwanted", is_awaited=False)
    dispatcher.offer(wanted)
    dispatcher.offer(unwanted)
    assert list(dispatcher.outstanding()) == [wanted]
    dispatcher.drop_unawaited()
    assert [(key, [job for _, job in queue]) for key, queue in dispatcher.ready()] == [
        ((ACTIVITY, "wanted", ""), [wanted])
    ]


@story
async def test_declined_work_goes_to_another_worker_at_once():
    """A worker with room that asks for the work gets it in the place of the one that declined."""
    dispatcher, job = Dispatcher(), Job()
    one, two = await Stream(dispatcher).open(), await Stream(dispatcher).open()
    dispatcher.offer(job)
    taker, other = (one, two) if await one.has_item() else (two, one)
    token = (await taker.item()).completionToken
    assert dispatcher.abandon(token, ACTIVITY) is True
    assert job.notes == ["back"]
    assert (await other.item()).completionToken != token
    assert list(dispatcher.resting()) == []
    assert not await taker.has_item()
    await one.close()
    await two.close()


@story
async def test_declined_work_does_not_come_back_to_its_worker():
    """The one that declined is passed over, even if it is the next one to get work."""
    dispatcher, job = Dispatcher(), Job()
    one, two = await Stream(dispatcher).open(), await Stream(dispatcher).open()
    dispatcher.offer(job)
    token = (await one.item()).completionToken
    dispatcher.offer(Job("filler"))
    assert (await two.item()).activityRequest.name == "filler"
    dispatcher.abandon(token, ACTIVITY)
    assert (await two.item()).activityRequest.name == "a"
    assert not await one.has_item()
    await one.close()
    await two.close()


@story
async def test_several_pieces_of_work_can_rest():
    """Each piece of declined work has a rest of its own, and all come back."""
    dispatcher = Dispatcher()
    stream = await Stream(dispatcher).open()
    for name in "ab":
        dispatcher.offer(Job(name))
        dispatcher.abandon((await stream.item()).completionToken, ACTIVITY)
    assert [job.name for job in dispatcher.resting()] == ["a", "b"]
    assert [(await stream.item()).activityRequest.name for _ in "ab"] == ["a", "b"]
    await stream.close()


@story
async def test_declined_work_rests_where_no_other_takes_it():
    """The only worker gets it again after a rest, in which it is neither lost nor ready."""
    dispatcher, job = Dispatcher(), Job()
    stream = await Stream(dispatcher).open()
    dispatcher.offer(job)
    token = (await stream.item()).completionToken
    began = time.monotonic()
    assert dispatcher.abandon(token, ACTIVITY)
    assert (list(dispatcher.resting()), list(dispatcher.ready()), dispatcher.busy) == ([job], [], True)
    assert not await stream.has_item()
    await stream.item()
    assert time.monotonic() - began >= dispatch.REST_S * 0.9
    assert list(dispatcher.resting()) == []
    await stream.close()


@story
async def test_resting_work_that_nothing_waits_for_does_not_come_back():
    """What is dropped while it rests is not offered when the rest is over."""
    dispatcher, job = Dispatcher(), Job()
    stream = await Stream(dispatcher).open()
    dispatcher.offer(job)
    dispatcher.abandon((await stream.item()).completionToken, ACTIVITY)
    job.is_awaited = False
    dispatcher.drop_unawaited()
    assert list(dispatcher.resting()) == []
    asked_again = Job("later")
    asyncio.get_running_loop().call_later(dispatch.REST_S + 0.02, dispatcher.offer, asked_again)
    assert (await stream.item()).activityRequest.name == "later"
    await stream.close()


@story
async def test_only_leased_work_of_its_kind_can_be_declined():
    """An unknown token, or one of another kind of work, declines nothing."""
    dispatcher, job = Dispatcher(), Job()
    stream = await Stream(dispatcher).open()
    dispatcher.offer(job)
    token = (await stream.item()).completionToken
    assert dispatcher.abandon("unknown", ACTIVITY) is False
    assert dispatcher.abandon(token, ORCHESTRATION) is False
    assert (job.notes, [work for work, _ in dispatcher.in_hand()]) == ([], [job])
    await stream.close()


@story
async def test_a_lost_worker_gives_all_its_work_back():
    """Each piece of work is undone, noted as repeated and lost, in this order, and is ready for the next worker."""
    dispatcher, jobs = Dispatcher(), [Job("a"), Job("b")]
    stream = await Stream(dispatcher).open()
    for job in jobs:
        dispatcher.offer(job)
        await stream.item()
    await stream.close()
    assert [job.notes for job in jobs] == [["back", "repeated", "lost"]] * 2
    assert [key[1] for key, _ in dispatcher.ready()] == ["a", "b"]
    assert (dispatcher.streams(), list(dispatcher.in_hand())) == ([], [])


@story
async def test_a_worker_is_known_by_what_it_asked_for():
    """Name, moment of connection, limits and filters of a worker can be read, for the page of workers."""
    dispatcher = Dispatcher()
    before_ns = time.time_ns()
    filters = names("a", "b", orchestrations=["o"], entities=["e"], versions=["1", "2"])
    some = await Stream(dispatcher, "some", filters=filters, maxConcurrentActivityWorkItems=3).open()
    every = await Stream(dispatcher, "every").open()
    first, second = dispatcher.streams()
    assert (first.name, second.name) == ("some", "every")
    assert before_ns <= first.connected_ns <= second.connected_ns <= time.time_ns()
    assert [first.limit(kind) for kind in (ACTIVITY, ORCHESTRATION, ENTITY)] == [3, None, None]
    assert (first.takes_everything, second.takes_everything) == (False, True)
    assert set(first.versions(ACTIVITY, "a")) == {"1", "2"}
    assert list(first.versions(ACTIVITY, "unknown")) == list(first.versions(ENTITY, "e")) == []
    assert list(second.versions(ACTIVITY, "a")) == []
    assert (list(first.names_of(ACTIVITY)), list(second.names_of(ACTIVITY))) == (["a", "b"], [])
    assert [dispatcher.names_of(kind) for kind in (ACTIVITY, ORCHESTRATION, ENTITY)] == [["a", "b"], ["o"], ["e"]]
    await some.close()
    await every.close()


@story
async def test_streams_are_listed_by_age_whoever_got_work_last():
    """Work goes round among the workers; the list of them does not."""
    dispatcher = Dispatcher()
    streams = [await Stream(dispatcher, name).open() for name in "abc"]
    dispatcher.offer(Job())
    assert [stream.name for stream in dispatcher.streams()] == ["a", "b", "c"]
    for stream in streams:
        await stream.close()


@story
async def test_work_goes_round_among_the_workers():
    """Each worker gets a piece of work before the first one gets its second, in the order of their connection."""
    dispatcher = Dispatcher()
    streams = [await Stream(dispatcher, name).open() for name in "abc"]
    for _ in range(2):
        for stream in streams:
            dispatcher.offer(Job())
            assert [await one.has_item() for one in streams] == [one is stream for one in streams]
            await stream.item()
    for stream in streams:
        await stream.close()


@story
async def test_a_stream_that_ended_is_not_pinged():
    """The timer of health pings ends with the stream: none is left on the loop, for none that ever began too."""
    stream = dispatch.WorkerStream(pb.GetWorkItemsRequest())
    assert stream.name == ""
    stream.end()
    stream.keep_alive()
    stream.end()
    assert stream._ping.cancelled()


@story
async def test_a_version_is_asked_for_by_name():
    """A worker that asks for versions gets those only; one that names none gets all versions of the name."""
    dispatcher = Dispatcher()
    stream = await Stream(dispatcher, filters=names("a", versions=["1"])).open()
    dispatcher.offer(Job("a", version="2"))
    dispatcher.offer(Job("b", version="1"))
    assert not await stream.has_item()
    dispatcher.offer(Job("a", version="1"))
    assert (await stream.item()).activityRequest.name == "a"
    assert dispatcher.is_taken(ACTIVITY, "a", "1")
    assert not dispatcher.is_taken(ACTIVITY, "a", "2")
    assert not dispatcher.is_taken(ORCHESTRATION, "a", "1")
    await stream.close()


@story
async def test_what_work_lacks_is_noted():
    """Work waits for a place where a worker asks for it and is full, and for a worker where none asks for it."""
    dispatcher = Dispatcher()
    jobs = [Job("a", version="1"), Job("a", version="1"), Job("a", version="2"), Job("b", version="1")]
    stream = await Stream(dispatcher, filters=names("a", versions=["1"]), maxConcurrentActivityWorkItems=1).open()
    for job in jobs:
        dispatcher.offer(job)
    assert [job.times.waited_for for job in jobs] == ["", SLOT, WORKER, WORKER]
    await stream.close()


@story
async def test_the_oldest_work_of_all_names_is_sent_first():
    """A worker with a place again gets what waits longest, whatever its name; each place is used."""
    dispatcher = Dispatcher()
    stream = await Stream(dispatcher, maxConcurrentActivityWorkItems=1).open()
    for name in ("first", "b", "a", "b"):
        dispatcher.offer(Job(name))
    came = []
    for _ in range(4):
        item = await stream.item()
        came.append(item.activityRequest.name)
        assert len(list(dispatcher.in_hand())) == 1
        assert dispatcher.take(item.completionToken, ACTIVITY).name == came[-1]
    assert came == ["first", "b", "a", "b"]
    assert list(dispatcher.ready()) == []
    await stream.close()


@story
async def test_work_with_nothing_left_to_do_takes_no_place():
    """What its instance no longer needs is void when it would be sent: it holds no lease, and the next work is sent."""
    dispatcher, over, job = Dispatcher(), Job("over"), Job("a")
    over.is_over = True
    dispatcher.offer(over)
    dispatcher.offer(job)
    stream = await Stream(dispatcher, maxConcurrentActivityWorkItems=1).open()
    assert (await stream.item()).activityRequest.name == "a"
    assert (over.times.is_void, job.times.is_void) == (True, False)
    assert [work for work, _ in dispatcher.in_hand()] == [job]
    await stream.close()


@story
async def test_tokens_are_never_used_twice():
    """No two leases share a token, be they of one dispatcher or of two: a late answer must not end another's work."""
    tokens = []
    for _ in range(2):
        dispatcher = Dispatcher()
        stream = await Stream(dispatcher).open()
        for name in "ab":
            dispatcher.offer(Job(name))
            tokens.append((await stream.item()).completionToken)
        await stream.close()
    assert len(set(tokens)) == 4


@pytest.mark.parametrize(
    ("kind", "field"), [(ORCHESTRATION, "Orchestration"), (ACTIVITY, "Activity"), (ENTITY, "Entity")]
)
def test_each_kind_has_a_limit_of_its_own(kind, field):
    """A limit on one kind of work leaves the others free, and 0 is no limit."""
    stream = dispatch.WorkerStream(pb.GetWorkItemsRequest(**{f"maxConcurrent{field}WorkItems": 1}))
    assert [stream.limit(one) for one in Kind] == [1 if one is kind else None for one in Kind]
    stream.held[kind] += 1
    assert [stream.takes(Job(kind=one)) for one in Kind] == [one is not kind for one in Kind]
    unlimited = dispatch.WorkerStream(pb.GetWorkItemsRequest(maxConcurrentActivityWorkItems=0))
    unlimited.held[kind] = 1000
    assert unlimited.takes(Job(kind=kind))
