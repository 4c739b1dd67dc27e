"""Lists of instances of a scheduler that knows no lists: the same as those of one that does."""

import asyncio
import dataclasses
import itertools

import pytest

from durable_harness.host.work import remote_listing
from durable_harness.host.work.remote_listing import StatesListing
from durable_harness.protocol import pb
from durable_harness.protocol.listing import SORTS, InstanceFilter, InstanceListRequest
from hub_bench import START_NS, child, complete, fail, run_with_bench

SECOND_NS = 1_000_000_000
FILTERS = (
    InstanceFilter(),
    InstanceFilter(with_children=True),
    InstanceFilter(statuses=(pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_FAILED)),
    InstanceFilter(id_part="I0"),
    InstanceFilter(names=("ship",), versions=("",)),
    InstanceFilter(versions=("2",)),
    InstanceFilter(tags=(("zone", None),)),
    InstanceFilter(tags=(("zone", "1"), ("kind", "a"))),
    InstanceFilter(since_ns=START_NS + SECOND_NS, until_ns=START_NS + 3 * SECOND_NS),
)


async def fill(bench):
    """Start instances that differ in all that a list shows; some have ended, one has a child."""
    bench.connect()
    for number in range(6):
        request = pb.CreateInstanceRequest(instanceId=f"i{number:02}", name=("ship", "bill")[number % 2])
        request.input.value = "x" * 500 if number == 1 else str(number)
        if number % 3 == 0:
            request.version.value = "2"
        if number % 2:
            request.tags.update(zone=str(number), kind="a")
        await bench.hub.start_instance(request)
        bench.clock.advance(1)
    await bench.turn(complete('"done"'))
    await bench.turn(fail("broken"))
    await bench.turn(child(0, "i02:child"))
    bench.clock.advance(5)


async def pages(scheduler, request):
    """Return all pages of a list, forwards."""
    found = []
    while True:
        page = await scheduler.list_instances(request)
        found.append(page)
        if not page.has_after:
            return found
        request = dataclasses.replace(request, place=page.rows[-1].place)


@pytest.mark.parametrize("chosen", FILTERS)
def test_every_filter_lets_the_same_through(chosen):
    """Rows, payloads, failures, counts and children are those that a scheduler with lists gives."""

    async def check(bench):
        await fill(bench)
        request = InstanceListRequest(chosen, now_ns=bench.clock.now_ns(), size=4)
        assert await pages(StatesListing(bench.hub), request) == await pages(bench.hub, request)

    _run(check)


@pytest.mark.parametrize(("sort", "falls"), list(itertools.product(SORTS, [True, False])))
def test_every_order_is_the_same(sort, falls):
    """Pages forwards, and the last one backwards, are those that a scheduler with lists gives, in each order."""

    async def check(bench):
        await fill(bench)
        chosen = InstanceFilter(with_children=True)
        request = InstanceListRequest(chosen, sort=sort, is_descending=falls, size=3, now_ns=bench.clock.now_ns())
        listing = StatesListing(bench.hub)
        assert await pages(listing, request) == await pages(bench.hub, request)
        last = dataclasses.replace(request, is_backwards=True)
        assert await listing.list_instances(last) == await bench.hub.list_instances(last)

    _run(check)


def test_the_choices_are_the_same():
    """Names, versions and tags to filter by are those that a scheduler with lists gives."""

    async def check(bench):
        await fill(bench)
        assert await StatesListing(bench.hub).instance_choices() == await bench.hub.instance_choices()

    _run(check)


def test_a_list_that_is_a_part_is_marked(monkeypatch):
    """Where there are more instances than are read the page says that it is a part; else it does not."""
    monkeypatch.setattr(remote_listing, "READ_AT_ONCE", 2)

    async def check(bench):
        await fill(bench)
        assert not (await StatesListing(bench.hub).list_instances(InstanceListRequest())).is_part
        monkeypatch.setattr(remote_listing, "MOST_READ", 4)
        page = await StatesListing(bench.hub).list_instances(InstanceListRequest())
        assert page.is_part
        assert [row.instance_id for row in page.rows] == ["i03", "i02", "i01", "i00"]

    _run(check)


def test_a_list_that_is_looked_at_again_is_not_read_again(monkeypatch):
    """What was read is kept for a while, so that a page with its choices reads the states once."""

    async def check(bench):
        await fill(bench)
        monkeypatch.setattr(remote_listing, "LEAST_KEPT_S", 1000.0)
        listing = StatesListing(bench.hub)
        before = await listing.list_instances(InstanceListRequest())
        await bench.start("later")
        assert await listing.list_instances(InstanceListRequest()) == before

    _run(check)


def _run(check):
    asyncio.run(run_with_bench(check, None))
