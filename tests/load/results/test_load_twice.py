"""A load run with --twice: the app that it starts gets everything twice, and the run reports what that showed."""

import contextlib
import json
import sqlite3
from pathlib import Path

from locust_process import headless

APP = Path(__file__).parents[2] / "apps" / "twice" / "wrong_stock"
TABLES = "CREATE TABLE reservations (number PRIMARY KEY, pieces); CREATE TABLE stock (pieces)"


def test_a_run_reports_what_is_done_twice(start_locust, tmp_path):
    """Text at the end, a file beside the report and a note in it have what the app did twice under load."""
    database = tmp_path / "stock.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(f"{TABLES}; INSERT INTO stock VALUES (1000)")
    order = json.dumps({"database": str(database), "pieces": 1})
    words = ["--headless", "--twice", "--app", str(APP), "--start-path", "/api/orders", "--payload", order]
    run = start_locust(*words, "-u", "2", "-r", "50", "-t", "30s", "Few").wait()
    assert run.operations["completed"] == run.operations["started"], run.out + run.err
    [found] = json.loads((run.report_dir / "twice.json").read_text())["functions"]
    assert found["other"] == found["delivered"] == found["twice"]["INSERT reservations"] >= run.operations["started"]
    assert "take_stock (activity), delivered twice" in run.out
    assert "did twice: INSERT reservations" in run.out
    assert any("ran twice (--twice), in all figures" in note for note in run.summary["notes"])


def test_it_is_for_an_app_that_the_run_starts(start_locust, stub):
    """With --host the command ends before any load, and says how to start that host."""
    ended = start_locust(*headless(stub), "--twice", "Few").wait()
    assert ended.code == 2
    assert "--twice is for the app that a run starts" in ended.err
    assert "durable-harness serve --twice" in ended.err
    assert not stub.operations
