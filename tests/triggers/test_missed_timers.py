"""Timers that were due while no host ran: remembered beside the data file, and reported to the function."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from durable_harness.stack import embedded_stack

APP = Path(__file__).parents[1] / "apps" / "clockwork"
DEADLINE_S = 20.0
MISSED = r"Timer 'nightly' fires: it was due while no host ran"


def remember(data, next_hour):
    """Record that the nightly timer last ran two nights ago."""
    last = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=3)
    due = last.replace(hour=next_hour) + timedelta(days=1)
    status = {"Last": last.isoformat(), "Next": due.isoformat(), "LastUpdated": last.isoformat()}
    data.with_name("hub.db.timers.json").write_text(json.dumps({"nightly": status}))


def log_of_a_start(data, awaited):
    """Start the app on a data file and return its log once it has what is awaited."""
    with embedded_stack(APP, serve_args=("--data", str(data))) as stack:
        deadline = time.monotonic() + DEADLINE_S
        while not re.search(awaited, stack.log_path.read_text()):
            assert time.monotonic() < deadline, stack.log_path.read_text()
            time.sleep(0.01)
        return stack.log_path.read_text()


@pytest.fixture
def data(tmp_path):
    """Return the path of a data file that is not there yet."""
    return tmp_path / "hub.db"


def test_a_timer_that_was_missed_fires_at_the_start(data):
    """It fires once, late, and from then on is remembered as having run."""
    remember(data, next_hour=2)
    log_of_a_start(data, MISSED + r"(.|\n)*wrote to queue 'nights'")
    log = log_of_a_start(data, r"wrote to queue 'starts' \(\$return\): started")
    assert not re.search(MISSED, log)
    status = json.loads(data.with_name("hub.db.timers.json").read_text())["nightly"]
    assert datetime.fromisoformat(status["Next"]) > datetime.now(UTC)


def test_a_due_time_of_another_schedule_was_not_missed(data):
    """An app whose schedule has changed since does not fire for the old one."""
    remember(data, next_hour=3)
    assert not re.search(MISSED, log_of_a_start(data, r"wrote to queue 'starts' \(\$return\): started"))


def test_a_file_that_cannot_be_read_is_named(data):
    """Timers begin as if they had never run, and the log says so."""
    data.with_name("hub.db.timers.json").write_text("{")
    log = log_of_a_start(data, r"wrote to queue 'starts' \(\$return\): started")
    assert re.search(r"hub\.db\.timers\.json: cannot be read .*The timers begin as if they had never run", log)
