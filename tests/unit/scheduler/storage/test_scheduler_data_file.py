"""The file of a scheduler before it is used: what kind of file it is, whether it is whole, how safely it is written."""

import asyncio
import contextlib
import os
import socket
import sqlite3
from pathlib import Path

import pytest

from durable_harness.errors import ConfigurationError, DamagedFileError
from durable_harness.protocol import RpcError, pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.instances.instance_state import Parent
from durable_harness.scheduler.storage.data_file import PAGE_BYTES
from durable_harness.scheduler.storage.store import INSERT_TURN, Store
from hub_bench import Bench, at, file_scenario, scenario


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket may have about 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def link_to_null(path):
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("make", "message"),
    [(make_fifo, "a FIFO"), (make_socket, "a socket"), (link_to_null, "a character device")],
)
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path, make, message):
    """A FIFO, a socket or a device is named as what it is, and not opened: that could wait forever."""
    path = tmp_path / "hub.db"
    make(path)
    with pytest.raises(ConfigurationError, match=rf"hub\.db.*{message}, not a regular file"):
        Store(path)


def filled(path, turns=200):
    """Write a file whose table of turns fills many pages."""
    store = Store(path)
    store.write({INSERT_TURN: [(number, 1, b"t" * 2000) for number in range(1, turns)]})
    store.close()
    return path


def overwrite(path, offset, size):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * size)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: overwrite(path, 40 * PAGE_BYTES, PAGE_BYTES),
        lambda path: overwrite(path, 0, PAGE_BYTES),
        lambda path: overwrite(path, 100, 200),
        cut,
    ],
    ids=["a page", "the first page", "the table of contents", "cut off"],
)
def test_a_damaged_file_is_found_at_the_start_and_left_alone(tmp_path, damage):
    """Damage anywhere in its structure is an error with a code of its own, which names the file and the ways out."""
    path = filled(tmp_path / "hub.db")
    damage(path)
    before = path.read_bytes()
    with pytest.raises(DamagedFileError) as caught:
        Store(path)
    assert caught.value.exit_code == 8
    assert f"--data {path}: the file is damaged" in str(caught.value)
    assert f"durable-harness recover {path} NEW_FILE" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("missing", [1, 100, PAGE_BYTES, PAGE_BYTES + 1])
def test_a_file_that_is_shorter_than_its_header_is_damaged(tmp_path, missing):
    """A missing end is found at the start, also one of less than a page, which SQLite takes for zeros."""
    path = filled(tmp_path / "hub.db")
    whole = path.stat().st_size
    os.truncate(path, whole - missing)
    with pytest.raises(DamagedFileError, match=f"its end is missing: it has {whole - missing} bytes of {whole}"):
        Store(path)


def test_an_end_that_is_still_in_the_log_is_not_missing(tmp_path):
    """A process that died amid a checkpoint leaves a file that its log makes whole: it opens, and has every row."""
    store = Store(tmp_path / "hub.db")
    store.write({INSERT_TURN: [(number, 1, b"t" * 2000) for number in range(200)]})
    new = tmp_path / "new.db"
    log = (tmp_path / "hub.db-wal").read_bytes()
    store._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
    new.write_bytes((tmp_path / "hub.db").read_bytes()[: 20 * PAGE_BYTES])
    (tmp_path / "new.db-wal").write_bytes(log)
    store.close()
    store = Store(new)
    assert store.row("SELECT count(*) FROM turns") == (200,)
    store.close()


@file_scenario
async def test_a_value_that_is_no_text_is_named_by_its_place(bench):
    """The message of a value that cannot be read has its column, table and instance, and nothing of what is stored."""
    await bench.start("secret-one")
    failures = []
    bench.hub.journal.on_failure(failures.append)
    await bench.hub.journal.written()
    bench.hub.journal.store._writer.execute("UPDATE instances SET input = CAST(x'1b5b33316d0a3a35ff' AS TEXT)")
    with pytest.raises(RpcError) as caught:
        bench.hub.instances.committed("secret-one")
    assert "column 'input' of the table instances, instance 'secret-one'" in str(caught.value)
    for text in (str(caught.value), str(failures[0])):
        assert "31m" not in text
        assert "\x1b" not in text
        assert len(text.splitlines()) == 3


def test_a_file_that_lost_a_table_is_damaged(tmp_path):
    """A file of ours without one of its tables is named as damaged, not met by an error of SQL."""
    path = filled(tmp_path / "hub.db")
    database = sqlite3.connect(path)
    database.execute("DROP TABLE inbox")
    database.close()
    with pytest.raises(DamagedFileError, match="it has no table inbox"):
        Store(path)


@file_scenario
async def test_damage_of_a_row_names_its_instance(bench):
    """A flipped bit in what an instance was sent, which SQLite cannot see, stops the start and names the instance."""
    await bench.start("broken-one")
    await bench.hub.journal.close()
    database = sqlite3.connect(bench.path)
    database.execute("UPDATE inbox SET event = x'ffffff'")
    database.commit()
    database.close()
    with pytest.raises(DamagedFileError, match="instance 'broken-one' cannot be read"):
        SchedulerService(SchedulerOptions(hubs=("test",), data=Path(bench.path)))
    bench.path = None
    bench.hub = bench._open()


@pytest.mark.parametrize(("durability", "synchronous"), [("normal", 1), ("full", 2)])
def test_durability_decides_how_often_the_disk_is_synced(tmp_path, durability, synchronous):
    """With `full` each commit is synced to the disk, with `normal` SQLite does so now and then."""
    store = Store(tmp_path / "hub.db", durability)
    assert store._writer.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


SIGNAL = pb.SignalEntityRequest(instanceId="@late@0", name="later", requestId="r", scheduledTime=at(60))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE operations SET event = x'ff'", "operation 1 of entity '@late@0'"),
        ("UPDATE operations SET due_ns = x'00'", "operation 1 of entity '@late@0'"),
        ("INSERT INTO lock_requests VALUES (3, 'test', '[1, 2')", "lock request 3"),
        ("INSERT INTO lock_requests VALUES (3, 'test', '[1, 2, 3, 4]')", "lock request 3"),
        ("INSERT INTO entities VALUES ('test', '@e@k', 0, NULL, '{}')", "entity '@e@k'"),
        ("INSERT INTO entities VALUES ('test', '@e@k', x'00', NULL, NULL)", "entity '@e@k'"),
        ("UPDATE instances SET status = 99", "instance 'one'"),
        ("UPDATE instances SET created_ns = x'00'", "instance 'one'"),
        ("UPDATE instances SET tags = '[1]'", "instance 'one'"),
        ("UPDATE instances SET costs = x'00'", "instance 'one'"),
        ("UPDATE instances SET parent = x'ff'", "instance 'one'"),
        ("UPDATE inbox SET event = 'text'", "instance 'one'"),
    ],
)
def test_everything_a_start_cannot_read_is_named_damage(tmp_path, statement, named):
    """A readable value that the scheduler cannot use ends the start with the damage message, whatever its table."""
    path = tmp_path / "hub.db"

    async def fill():
        bench = Bench(path)
        await bench.start("one")
        await bench.hub.signal_entity(SIGNAL)
        await bench.close()

    asyncio.run(fill())
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)

    async def start():
        SchedulerService(SchedulerOptions(hubs=("test",), data=path))

    with pytest.raises(DamagedFileError, match=f"the file is damaged: {named} cannot be read"):
        asyncio.run(start())


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE instances RENAME COLUMN begun_ns TO begum_ns", "DROP INDEX instances_living"],
)
def test_a_changed_description_of_the_tables_is_damage(tmp_path, statement):
    """Flipped letters in the names of columns, and a lost index, are named at the start, not met by an error of SQL."""
    path = filled(tmp_path / "hub.db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(statement)
    with pytest.raises(DamagedFileError, match=r"it has no (proper table instances|index instances_living)"):
        Store(path)


@file_scenario
async def test_an_unreadable_row_in_a_list_ends_the_scheduler(bench):
    """Lists and measurements take such a row as single reads do: the journal ends, and names the instance."""
    await bench.start("broken-one")
    failures = []
    bench.hub.journal.on_failure(failures.append)
    await bench.hub.journal.written()
    bench.hub.journal.store._writer.execute("UPDATE instances SET costs = x'00'")
    with pytest.raises(RpcError, match="instance 'broken-one' cannot be read"):
        await bench.hub.query_instances(pb.QueryInstancesRequest())
    assert isinstance(failures[0], DamagedFileError)


@scenario
async def test_an_instance_that_is_its_own_caller_hangs_nothing(bench):
    """The search for the version of callers ends where a damaged row makes a circle of them."""
    await bench.start("one")
    instance = bench.hub.instances.get("one")
    instance.parent = Parent("one", "", 0, "o", None, 0)
    assert bench.hub.state.version_of(instance) == ""


def test_a_store_that_cannot_be_made_leaves_nothing_open(tmp_path, monkeypatch):
    """A file that SQLite refuses to write is closed again: its connections and its lock."""
    path = tmp_path / "hub.db"

    def refuse(_database):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("durable_harness.scheduler.storage.store.create", refuse)
    with pytest.raises(ConfigurationError) as caught:
        Store(path)
    kept = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    assert not any(name.startswith(str(path)) for name in kept), caught.value
