"""Lists of instances as people look at them: filters, order, pages, counts."""

import asyncio
import contextlib
import dataclasses
import itertools
import sqlite3

import pytest

from durable_harness.protocol import pb
from durable_harness.protocol.listing import SORTS, InstanceFilter, InstanceListRequest
from durable_harness.scheduler.listing import INDEX
from durable_harness.scheduler.storage.indexes import REST_S
from durable_harness.wording.foreign_text import hide
from hub_bench import START_NS, complete, file_scenario, run_with_bench, scenario

SECOND_NS = 1_000_000_000
SECRET = "AccountKey" + "0123456789" * 25


async def fill(bench, count, **fields):
    """Start instances a second apart, named in turn ship and bill."""
    for number in range(count):
        request = pb.CreateInstanceRequest(instanceId=f"i{number:02}", name=("ship", "bill")[number % 2], **fields)
        await bench.hub.start_instance(request)
        bench.clock.advance(1)


async def fill_with(bench, text):
    """Start an instance with this input."""
    await bench.hub.start_instance(pb.CreateInstanceRequest(name="o", input={"value": text}))


async def ids(bench, chosen=None, **options):
    page = await bench.hub.list_instances(InstanceListRequest(chosen or InstanceFilter(), **options))
    return [row.instance_id for row in page.rows]


async def walk(bench, request):
    """Return the ids of all pages, forwards from the first to the last."""
    seen = []
    while True:
        page = await bench.hub.list_instances(request)
        seen.append([row.instance_id for row in page.rows])
        if not page.has_after:
            return seen
        request = dataclasses.replace(request, place=page.rows[-1].place)


@scenario
async def test_the_latest_come_first(bench):
    """A list begins with the instance that was created last."""
    await fill(bench, 3)
    assert await ids(bench) == ["i02", "i01", "i00"]


@pytest.mark.parametrize(("sort", "falls", "indexed"), list(itertools.product(SORTS, [True, False], [True, False])))
def test_pages_have_every_instance_once_in_any_order(sort, falls, indexed):
    """Whatever a list is sorted by, its pages have each instance once, and backwards they are the same."""

    async def check(bench):
        await fill(bench, 7)
        if indexed:
            await make_index(bench)
        request = InstanceListRequest(sort=sort, is_descending=falls, size=3, now_ns=bench.clock.now_ns())
        pages = await walk(bench, request)
        assert [len(page) for page in pages] == [3, 3, 1]
        order = [name for page in pages for name in page]
        assert sorted(order) == [f"i{number:02}" for number in range(7)]
        last = await bench.hub.list_instances(dataclasses.replace(request, is_backwards=True))
        assert [row.instance_id for row in last.rows] == order[-3:]
        assert (last.has_before, last.has_after) == (True, False)
        before = dataclasses.replace(request, place=last.rows[0].place, is_backwards=True)
        assert [row.instance_id for row in (await bench.hub.list_instances(before)).rows] == order[-6:-3]

    asyncio.run(run_with_bench(check, None))


@scenario
async def test_a_column_is_the_order(bench):
    """Sorted by name, all of one name stand together, by creation among themselves."""
    await fill(bench, 4)
    assert await ids(bench, sort="name", is_descending=False) == ["i01", "i03", "i00", "i02"]
    longest = await ids(bench, sort="duration", now_ns=bench.clock.now_ns())
    assert longest == ["i00", "i01", "i02", "i03"]


@scenario
async def test_filters_narrow_a_list(bench):
    """Name, part of the id in any case, version, tags and time restrict a list; all of them together."""
    await fill(bench, 4)
    await bench.hub.start_instance(
        pb.CreateInstanceRequest(instanceId="ODD_%", name="ship", version={"value": "2"}, tags={"team": "a=b"})
    )
    for chosen, expected in (
        (InstanceFilter(names=("ship",)), ["ODD_%", "i02", "i00"]),
        (InstanceFilter(id_part="I0"), ["i03", "i02", "i01", "i00"]),
        (InstanceFilter(id_part="%"), ["ODD_%"]),
        (InstanceFilter(id_part="_"), ["ODD_%"]),
        (InstanceFilter(versions=("2",)), ["ODD_%"]),
        (InstanceFilter(versions=("",), names=("bill",)), ["i03", "i01"]),
        (InstanceFilter(tags=(("team", None),)), ["ODD_%"]),
        (InstanceFilter(tags=(("team", "a=b"),)), ["ODD_%"]),
        (InstanceFilter(tags=(("team", "b"),)), []),
        (InstanceFilter(since_ns=START_NS + SECOND_NS, until_ns=START_NS + 2 * SECOND_NS), ["i02", "i01"]),
    ):
        assert await ids(bench, chosen) == expected, chosen


@scenario
async def test_counts_are_those_of_the_filter_without_its_statuses(bench):
    """Counts by status are those of each status's list, and what is written is counted at once."""
    bench.connect()
    await fill(bench, 3)
    await bench.turn(complete())
    chosen = InstanceFilter(statuses=(pb.ORCHESTRATION_STATUS_COMPLETED,))
    page = await bench.hub.list_instances(InstanceListRequest(chosen))
    assert [row.instance_id for row in page.rows] == ["i00"]
    assert dict(page.counts) == {pb.ORCHESTRATION_STATUS_PENDING: 2, pb.ORCHESTRATION_STATUS_COMPLETED: 1}


@scenario
async def test_choices_are_what_there_is(bench):
    """Names, versions and tags are offered with how often there are."""
    await fill(bench, 3, tags={"team": "a"})
    choices = await bench.hub.instance_choices()
    assert choices.names == [("ship", 2), ("bill", 1)]
    assert choices.versions == [("", 3)]
    assert choices.tags == [("team=a", 3)]


@scenario
async def test_what_a_list_has_of_a_payload_is_its_beginning(bench):
    """However large an input is, a list has little of it."""
    await fill(bench, 1, input={"value": "x" * 100_000})
    page = await bench.hub.list_instances(InstanceListRequest())
    assert page.rows[0].input == "x" * 300 + "…"


@scenario
async def test_no_part_of_a_secret_is_in_a_list(bench):
    """Where the beginning of a payload ends within a secret, nothing of that secret is in it."""
    hide([SECRET])
    for start in range(0, 302, 20):
        await fill_with(bench, f"{'x' * start}{SECRET} and more")
    page = await bench.hub.list_instances(InstanceListRequest())
    assert len(page.rows) == 16
    assert not [row.input for row in page.rows if SECRET[:6] in row.input]
    assert all(row.input.startswith("x") or row.input == "*** and more" for row in page.rows)


def listed_indexes(bench):
    rows = bench.hub.journal.store.rows("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name")
    return [name for (name,) in rows if name == INDEX or "_by_" in name]


async def make_index(bench):
    """Look at a list, and let the time pass until its index is made."""
    await ids(bench)
    indexes = bench.hub.journal.indexes
    handle = indexes._making[INDEX]
    handle._run()
    handle.cancel()
    await asyncio.gather(*indexes._tasks)


@scenario
async def test_the_index_follows_the_first_list_and_is_dropped_unused(bench):
    """The first list waits for no index; one is made then, and dropped when no client has looked for a while."""
    await fill(bench, 2)
    assert await ids(bench, sort="name", is_descending=False) == ["i01", "i00"]
    assert listed_indexes(bench) == []
    await make_index(bench)
    assert listed_indexes(bench) == [INDEX]
    indexes = bench.hub.journal.indexes
    await indexes.drop(unused_s=REST_S)
    assert listed_indexes(bench) == [INDEX]
    indexes._asked_s[INDEX] -= REST_S
    indexes._drop_unused()
    await asyncio.gather(*indexes._tasks)
    assert listed_indexes(bench) == []
    assert await ids(bench, sort="name", is_descending=False) == ["i01", "i00"]


def test_lists_do_without_an_index_that_cannot_be_made(caplog):
    """A full disk does not keep people from looking: lists are read from the table, and the log says so once."""

    async def full(_statement):
        raise sqlite3.OperationalError("database or disk is full")

    async def check(bench):
        await fill(bench, 2)
        bench.hub.journal.indexes._change = full
        await make_index(bench)
        assert await ids(bench) == ["i01", "i00"]

    asyncio.run(run_with_bench(check, None))
    assert caplog.text.count("The index of lists cannot be made") == 1


def test_a_file_that_is_closed_has_none(tmp_path):
    """A scheduler that ends leaves a file without the indexes of lists."""

    async def looked_at(bench):
        await fill(bench, 2)
        await make_index(bench)

    asyncio.run(run_with_bench(looked_at, tmp_path / "hub.db"))
    with contextlib.closing(sqlite3.connect(tmp_path / "hub.db")) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
    assert not [name for name in names if "_by_" in name or name == INDEX]


@file_scenario
async def test_a_file_that_was_looked_at_is_a_file_like_others(bench):
    """An index that a killed process left is dropped by the next one, whatever version made it, and lists work."""
    await fill(bench, 2)
    await make_index(bench)
    bench.hub.journal.store.change_index("CREATE INDEX instances_by_name ON instances (hub, name)")
    assert await ids(bench, sort="name", is_descending=False) == ["i01", "i00"]
    bench.restart()
    assert listed_indexes(bench) == []
    assert await ids(bench, sort="name", is_descending=False) == ["i01", "i00"]
