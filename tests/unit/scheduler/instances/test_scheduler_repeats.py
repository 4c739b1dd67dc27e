"""How often activities were handed out again because whoever had them ended: counted, kept, and shown."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dashboard_site import visit
from durable_harness.protocol import pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.storage import in_hand
from durable_harness.scheduler.storage.in_hand import in_hand_of
from durable_harness.scheduler.unfinished import Unfinished, warn_of_unfinished
from hub_bench import complete, file_scenario, scenario, schedule


def repeats(bench, instance_id="i"):
    return dict(bench.hub.state.repeats.of(bench.hub.instances.get(instance_id)))


async def two_scheduled(bench, **limits):
    """Schedule two activities, for a worker that takes one at a time."""
    bench.connect(maxConcurrentActivityWorkItems=1)
    await bench.start()
    await bench.turn(schedule(0, "one"), schedule(1, "two"))
    return await bench.item("activityRequest")


@file_scenario
async def test_what_was_in_hand_at_a_sudden_end_is_counted(bench):
    """Of two activities that had no outcome only that is repeated which a worker had; each further end counts."""
    for ends in (1, 2, 3):
        if ends == 1:
            await two_scheduled(bench)
        else:
            bench.connect(maxConcurrentActivityWorkItems=1)
            await bench.item("activityRequest")
        bench.restart()
        assert repeats(bench) == {0: ends}
        await bench.hub.journal.written()


def test_a_start_names_what_was_in_hand_and_how_often(caplog):
    """Of many activities those are named that a worker had; alike ones are counted, with their ends."""
    had = [Unfinished("crash", "i", 3, was_in_hand=True)] * 2
    warn_of_unfinished(Path("hub.db"), [Unfinished("waits", "i"), *had])
    assert "are handed out again: 2 x 'crash' of instance 'i' (in hand at 3 such ends)." in caplog.text
    assert "waits" not in caplog.text


@file_scenario
async def test_counts_are_kept_when_the_instance_has_ended(bench):
    """They are read from the file in a later process, and go with their instance."""
    await two_scheduled(bench)
    bench.restart()
    bench.connect()
    for _ in range(2):
        await bench.activity()
    await bench.turn(complete())
    bench.restart()
    assert repeats(bench) == {0: 1}
    await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i"))
    assert list(bench.hub.journal.store.rows("SELECT * FROM repeats")) == []


@file_scenario
async def test_what_had_its_outcome_is_not_repeated(bench):
    """An activity that was answered before the end is not counted, the one that its worker then got is."""
    item = await two_scheduled(bench)
    await bench.hub.complete_activity_task(pb.ActivityResponse(completionToken=item.completionToken))
    await bench.item("activityRequest")
    await bench.hub.journal.written()
    bench.restart()
    assert repeats(bench) == {1: 1}


@scenario
async def test_a_worker_that_leaves_repeats_what_it_had(bench):
    """When the stream of a worker ends, what it had is handed out again, and counted."""
    await two_scheduled(bench)
    await bench.worker.close()
    assert repeats(bench) == {0: 1}
    bench.connect()
    assert (await bench.hub.instance_timings("i"))["repeats"] == {"0": 1}


@scenario
async def test_a_repeated_execution_counts_again(bench):
    """Activities of the next execution have the same ids, and nothing of the counts of the one before."""
    await two_scheduled(bench)
    await bench.worker.close()
    bench.connect()
    await bench.activity()
    await bench.turn(complete(status=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    assert repeats(bench) == {}


def test_a_file_of_before_gets_the_table(tmp_path):
    """A file without the table is taken as it is, and has it afterwards."""
    data = tmp_path / "hub.db"

    async def open_once():
        service = SchedulerService(SchedulerOptions(data=data))
        await service.close()

    asyncio.run(open_once())
    with closing(sqlite3.connect(data)) as file:
        file.execute("DROP TABLE repeats")
    asyncio.run(open_once())
    with closing(sqlite3.connect(data)) as file:
        assert file.execute("SELECT COUNT(*) FROM repeats").fetchone() == (0,)
    assert not in_hand_of(data).exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 5, bytes(32), b"\x01" * 40])
def test_whatever_is_in_the_file_beside_a_start_succeeds(tmp_path, content):
    """A file that was cut off, or that another program wrote, is no reason not to start."""
    data = tmp_path / "hub.db"
    in_hand_of(data).write_bytes(content)

    async def open_once():
        service = SchedulerService(SchedulerOptions(data=data))
        slots = [service.journal.store.in_hand.take(key, 0) for key in (1, 2, 3)]
        assert len(set(slots)) == 3
        await service.close()

    asyncio.run(open_once())
    kept = in_hand.InHand(data)
    assert set(kept.left) >= {(1, 0), (2, 0), (3, 0)}
    kept.close()


def test_a_file_that_cannot_be_written_is_done_without(tmp_path, caplog):
    """Without it nothing is counted at a sudden end; the log says so once, and all else continues."""
    Path(in_hand_of(tmp_path / "hub.db")).mkdir()
    slots = in_hand.InHand(tmp_path / "hub.db")
    assert slots.take(1, 2) == in_hand.NO_SLOT
    slots.release(in_hand.NO_SLOT)
    slots.close()
    assert caplog.text.count("is not noted") == 1


@visit
async def test_the_page_shows_what_was_handed_out_again(browser):
    """The history marks the activity with how often it was handed out, and the facts count what was repeated."""
    await browser.start("i")
    await browser.bench.turn(schedule(0, "one"))
    for _ in range(2):
        await browser.bench.item("activityRequest")
        await browser.bench.worker.close()
        browser.bench.connect()
    page = (await browser.get("/orchestrations/i")).text
    assert "handed out 3 times" in page
    assert "1 activity, 2 times" in page
    assert "handed out again 2 times: the process or worker that had it ended" in page
