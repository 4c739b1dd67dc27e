"""Saving what a damaged file still holds into a new one."""

import asyncio
import contextlib
import os
import sqlite3

import pytest

from durable_harness.cli import main
from durable_harness.errors import DamagedFileError
from durable_harness.protocol import pb
from durable_harness.scheduler.salvage import NO_HISTORY, recover
from durable_harness.scheduler.storage.data_file import PAGE_BYTES
from durable_harness.scheduler.storage.store import Store
from hub_bench import Bench, at, complete, schedule

FILLER = "x" * 700
INSTANCES, HISTORIES = 0x0D, 0x0A
"""The first byte of a leaf page of a table with row ids, and of one without."""


async def fill(path):
    """Leave a file as a killed scheduler does: 60 ended instances, 60 under way, entities, a delayed signal."""
    bench = Bench(path)
    bench.connect()
    for number in range(120):
        await bench.start(f"i{number}", input=f'"input of {number} {FILLER}"')
        await bench.turn(complete(f'"{number}"') if number < 60 else schedule(0, "work", f'"task {number} {FILLER}"'))
    for number in range(3):
        entity = f"@counter@{number}"
        await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId=entity, name="add", requestId="r"))
        item = await bench.item("entityRequestV2")
        result = pb.EntityBatchResult(completionToken=item.completionToken, results=[pb.OperationResult(success={})])
        result.entityState.value = str(number)
        await bench.hub.complete_entity_task(result)
    delayed = pb.SignalEntityRequest(instanceId="@counter@0", name="later", requestId="r", scheduledTime=at(60))
    await bench.hub.signal_entity(delayed)
    await bench.close()


@pytest.fixture
def path(tmp_path):
    """Return a file of a scheduler that is whole."""
    asyncio.run(fill(tmp_path / "hub.db"))
    return tmp_path / "hub.db"


def damage_page_with(path, text, kind):
    """Overwrite the page of a kind of table on which a text stands."""
    content = bytearray(path.read_bytes())
    pages = range(0, len(content), PAGE_BYTES)
    page = next(at for at in pages if content[at] == kind and text.encode() in content[at : at + PAGE_BYTES])
    content[page : page + PAGE_BYTES] = b"\xff" * PAGE_BYTES
    path.write_bytes(content)


def outputs(path):
    """Return what a scheduler on this file answers about all instances, and the ids of the activities it hands out."""

    async def ask():
        bench = Bench(path)
        bench.connect()
        states = [await bench.state(f"i{number}") for number in range(120)]
        living = sum(1 for _ in bench.hub.instances.living())
        handed_out = [(await bench.item("activityRequest")).activityRequest for _ in range(living)]
        await bench.close()
        return (
            {int(s.instanceId[1:]): s.output.value for s in states if s is not None and s.output.value},
            {int(request.orchestrationInstance.instanceId[1:]) for request in handed_out},
        )

    return asyncio.run(ask())


def test_a_whole_file_is_saved_whole(path, tmp_path):
    """Of an undamaged file nothing is left out: ended instances, those under way, entities, waiting operations."""
    found = recover(path, tmp_path / "new.db")
    assert (found.instances, found.under_way, found.entities, found.operations) == (120, 60, 3, 1)
    assert found.left_out == []
    assert outputs(tmp_path / "new.db") == ({n: f'"{n}"' for n in range(60)}, set(range(60, 120)))


def test_only_what_was_on_the_damaged_page_is_left_out(path, tmp_path):
    """A damaged page costs the instances on it, which are named; all others continue in the new file."""
    damage_page_with(path, '"input of 20 ', INSTANCES)
    found = recover(path, tmp_path / "new.db")
    lost = {int(line.split("'")[1][1:]) for line in found.left_out}
    assert 20 in lost
    assert len(lost) <= 10
    assert all(line.endswith("of task hub 'test': it cannot be read") for line in found.left_out)
    done, under_way = outputs(tmp_path / "new.db")
    assert done.keys() == set(range(60)) - lost
    assert under_way == set(range(60, 120)) - lost


def test_an_instance_under_way_without_its_history_is_left_out(path, tmp_path):
    """What cannot continue is not started again from its beginning: it is named, and the others continue."""
    damage_page_with(path, '"input of 80 ', HISTORIES)
    found = recover(path, tmp_path / "new.db")
    lost = {int(line.split("'")[1][1:]) for line in found.left_out}
    assert 80 in lost
    assert len(lost) <= 10
    assert outputs(tmp_path / "new.db")[1] == set(range(60, 120)) - lost


def test_the_command_reports_what_it_left_out(path, tmp_path, capsys):
    """`durable-harness recover FILE NEW_FILE` counts what was saved, names the rest, and leaves the old file alone."""
    damage_page_with(path, '"input of 20 ', INSTANCES)
    before = path.read_bytes()
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 0
    printed = capsys.readouterr().out
    assert "3 entities, 1 waiting entity operations, 0 waiting lock requests" in printed
    assert "instance 'i20' of task hub 'test': it cannot be read" in printed
    assert path.read_bytes() == before


def test_recover_refuses_names_that_cannot_be(path, tmp_path, capsys):
    """A file that is not there, and a new file that is, are errors that say so."""
    assert main(["recover", str(tmp_path / "missing.db"), str(tmp_path / "new.db")]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert main(["recover", str(path), str(path)]) == 2
    assert "it is there already" in capsys.readouterr().err


def test_a_file_without_its_beginning_cannot_be_saved(path, tmp_path, capsys):
    """Where even the table of contents is gone the answer is the exit code of damage, and no new file."""
    path.write_bytes(b"\xff" * PAGE_BYTES + path.read_bytes()[PAGE_BYTES:])
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 8
    assert "nothing can be saved" in capsys.readouterr().err
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("missing", [PAGE_BYTES, 100, 20 * PAGE_BYTES + 7])
def test_of_a_file_that_was_cut_off_the_rest_is_saved(path, tmp_path, capsys, missing):
    """A missing end costs what stood there, and that it is missing is reported; the file itself is not changed."""
    os.truncate(path, path.stat().st_size - missing)
    before = path.read_bytes()
    new = tmp_path / "new.db"
    assert main(["recover", str(path), str(new)]) == 0
    printed = capsys.readouterr().out
    assert f"it has {len(before)} bytes of {len(before) + missing}" in printed
    assert path.read_bytes() == before
    done, under_way = outputs(new)
    assert len(done) + len(under_way) > 60
    assert not list(tmp_path.glob("new.db.*/"))


def test_a_file_cut_off_in_its_first_page_cannot_be_saved(path, tmp_path, capsys):
    """Where only a part of the first page is left the message says that the beginning is damaged, which is true."""
    os.truncate(path, 2000)
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 8
    assert "the beginning of the file" in capsys.readouterr().err


def test_a_stored_name_cannot_fake_lines_of_the_report(path, tmp_path, capsys):
    """The name of what was left out is shown on one line, with its control characters escaped."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE instances SET id = 'a' || char(10, 27) || 'b', input = CAST(x'ff' AS TEXT) WHERE key=1"
        )
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 0
    assert r"instance 'a\x0a\x1bb' of task hub 'test': it cannot be read" in capsys.readouterr().out


def test_an_unwritable_new_file_is_named_in_the_error(path, tmp_path, capsys, monkeypatch):
    """Where there is no room for the new file, that is reported, without a traceback."""

    def full(*_batches):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "write", full)
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 2
    assert "new.db: cannot be written: database or disk is full" in capsys.readouterr().err


def test_a_file_in_use_is_not_recovered(path, tmp_path, capsys):
    """A file that a scheduler works on is refused."""
    store = Store(path)
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 2
    assert "another scheduler works on it" in capsys.readouterr().err
    store.close()


def test_a_file_of_the_first_format_is_saved_in_the_present_one(path, tmp_path):
    """Columns that an older file does not have are filled as its migration fills them."""
    database = sqlite3.connect(path)
    database.executescript(
        "DROP INDEX instances_children; ALTER TABLE instances DROP COLUMN begun_ns; ALTER TABLE instances DROP COLUMN"
        " modelled; ALTER TABLE instances DROP COLUMN parent_key; ALTER TABLE instances DROP COLUMN children;"
        "ALTER TABLE instances DROP COLUMN costs; PRAGMA user_version = 1;"
    )
    database.close()
    assert recover(path, tmp_path / "new.db").instances == 120


def changed(path, statement):
    """Change a file of a scheduler by hand."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE operations SET event = x'ff'", "number 1 of the operations of entity '@counter@0': it cannot be read"),
        ("UPDATE operations SET event = x''", "number 1 of the operations of entity '@counter@0': it cannot be read"),
        (
            "UPDATE operations SET entity = CAST(x'40ff' AS TEXT)",
            "number 1 of the operations of entity '@\ufffd': it cannot be read",
        ),
        ("INSERT INTO lock_requests VALUES (7, 'test', '[7]')", "number 7 of the lock requests: it cannot be read"),
        (
            "UPDATE entities SET lock = '[' WHERE id = '@counter@1'",
            "entity '@counter@1' of task hub 'test': only who has it locked, the rest is saved",
        ),
        (
            "UPDATE entities SET modified_ns = x'00' WHERE id = '@counter@1'",
            "entity '@counter@1' of task hub 'test': it cannot be read",
        ),
        ("UPDATE instances SET status = 77 WHERE key = 3", "instance 'i2' of task hub 'test': it cannot be read"),
        ("UPDATE instances SET tags = '[1]' WHERE key = 3", "instance 'i2' of task hub 'test': it cannot be read"),
        (
            "DELETE FROM turns WHERE instance = 63",
            f"instance 'i62' of task hub 'test': {NO_HISTORY}",
        ),
    ],
)
def test_a_row_without_meaning_is_left_out_by_name(path, tmp_path, statement, message):
    """A readable row that the scheduler cannot use is named, whatever its table; the new file starts without it."""
    changed(path, statement)
    with contextlib.closing(sqlite3.connect(path)) as database:
        number = database.execute("SELECT number FROM operations").fetchone()[0]
    found = recover(path, tmp_path / "new.db")
    assert found.left_out == [message.replace("number 1 ", f"number {number} ")]
    assert len(outputs(tmp_path / "new.db")[0]) >= 59


def test_what_waits_for_entities_is_saved_around_a_damaged_page(path, tmp_path, capsys):
    """A table of operations whose highest number cannot be read is saved up to there, and the rest is named."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        event = database.execute("SELECT event FROM operations").fetchone()[0]
        rows = [(number, "test", f"@late@{number:04}", 1 << 61, event) for number in range(100, 400)]
        database.executemany("INSERT INTO operations VALUES (?, ?, ?, ?, ?)", rows)
    damage_page_with(path, "@late@0399", INSTANCES)
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 0
    printed = capsys.readouterr().out
    assert "operations, from number 3" in printed
    assert f"The structure of {path} is damaged, so more may be missing than is named here: " in printed
    with contextlib.closing(sqlite3.connect(tmp_path / "new.db")) as database:
        assert database.execute("SELECT count(*) FROM operations").fetchone()[0] > 200


def test_duplicate_rows_are_reported_and_cost_no_others(path, tmp_path):
    """An id that flipped into another one's is left out by name; the new file is written anyway."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP INDEX instance_ids")
        database.execute("UPDATE instances SET id = 'i7' WHERE key = 9")
    found = recover(path, tmp_path / "new.db")
    assert found.instances == 119
    assert "instance 'i7' of task hub 'test': another one of this name was saved" in found.left_out


def test_a_name_that_differs_from_its_index_is_reported(path, tmp_path):
    """An instance whose id flipped is saved by its row's name, and the name that the index has of it is reported."""
    content = path.read_bytes()
    at_row = next(at for at in _places(content, b"testi90") if content[at - at % PAGE_BYTES] == INSTANCES)
    path.write_bytes(content[: at_row + 4] + b"iX0" + content[at_row + 7 :])
    found = recover(path, tmp_path / "new.db")
    name = "instance 'iX0' of task hub 'test'"
    assert found.left_out == [f"instance 'i90' of task hub 'test': only its name, it is saved as {name}"]
    assert found.instances == 120


def _places(content, text):
    at = content.find(text)
    while at >= 0:
        yield at
        at = content.find(text, at + 1)


@pytest.mark.parametrize("pages", [3, 1 << 30])
def test_a_wrong_number_of_pages_in_the_header_costs_nothing(path, tmp_path, pages):
    """Pages that the header does not count are read anyway; a count that is far too high makes no huge copy."""
    content = bytearray(path.read_bytes())
    content[28:32] = pages.to_bytes(4, "big")
    path.write_bytes(content)
    found = recover(path, tmp_path / "new.db")
    assert (found.instances, found.entities, found.operations) == (120, 3, 1)


def test_a_format_that_sqlite_does_not_know_is_damage(path, tmp_path, capsys):
    """A flipped bit in the header's format ends the start and `recover` as damage does, not as a wrong option."""
    content = bytearray(path.read_bytes())
    content[47] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        Store(path)
    assert main(["recover", str(path), str(tmp_path / "new.db")]) == 8
    assert "unsupported file format" in capsys.readouterr().err


def test_a_format_that_sqlite_only_reads_is_damage(path, tmp_path):
    """A file that would refuse each write as if it were read-only is found at the start, and saved whole."""
    content = bytearray(path.read_bytes())
    content[18] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="a format that SQLite does not write"):
        Store(path)
    assert recover(path, tmp_path / "new.db").instances == 120
