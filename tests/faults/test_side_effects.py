"""An app whose activity is idempotent: however often faults have the work done, its effect is there once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed

PAYMENTS = 20

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app that notes each payment once in a ledger."""
    return Path(__file__).parents[1] / "apps" / "ledger"


class Ledger:
    """The file in which the app notes what it does."""

    def __init__(self, path):
        self.path = str(path)
        self._execute("CREATE TABLE attempts (key TEXT)")
        self._execute("CREATE TABLE payments (key TEXT PRIMARY KEY)")

    def attempts(self):
        return [key for (key,) in self._execute("SELECT key FROM attempts")]

    def payments(self):
        return sorted(key for (key,) in self._execute("SELECT key FROM payments"))

    def _execute(self, statement):
        with closing(sqlite3.connect(self.path, timeout=30)) as file, file:
            return file.execute(statement).fetchall()


@pytest.fixture
def ledger(tmp_path):
    """Return an empty ledger."""
    return Ledger(tmp_path / "ledger.db")


def pay(operations, ledger, count=PAYMENTS):
    return [operations.start_orchestrator("payment", {"ledger": ledger.path}) for _ in range(count)]


def assert_paid_once(ledger, started):
    """Each operation is paid, under its own key, once."""
    assert [assert_completed(operation) for operation in started] == [operation.instance_id for operation in started]
    assert ledger.payments() == sorted(operation.instance_id for operation in started)


@pytest.mark.parametrize("fault", ["duplicate_work_items", "refuse_completions"])
def test_work_that_is_done_twice_has_its_effect_once(operations, durable_faults, ledger, wait_until, fault):
    """A doubled work item and a refused completion have the activity run twice, and pay once."""
    injected = getattr(durable_faults, fault)(5, kind="activity", name="pay")
    started = pay(operations, ledger)
    assert_paid_once(ledger, started)
    twice = {one.instance_id for one in injected.wait()}
    assert len(twice) == 5
    wait_until(lambda: len(ledger.attempts()) == PAYMENTS + 5, "the second runs, which nobody waits for")
    assert {key for key in ledger.payments() if ledger.attempts().count(key) == 2} == twice


def test_work_that_is_lost_on_its_way_is_done_once(operations, durable_faults, ledger):
    """A dropped work item comes again: its activity runs once, later."""
    dropped = durable_faults.drop_work_items(5, kind="activity")
    started = pay(operations, ledger)
    assert_paid_once(ledger, started)
    assert len(dropped.wait()) == 5
    assert sorted(ledger.attempts()) == ledger.payments()


@pytest.mark.parametrize("death", ["kill_host", "kill_worker"])
def test_after_a_death_every_effect_is_there_once(operations, durable_faults, ledger, death):
    """Who dies between the effect and its completion has the work done again, and the effect is there once."""
    held = durable_faults.delay_work_items(0.3, PAYMENTS, kind="orchestration")
    started = pay(operations, ledger)
    held.wait()
    getattr(durable_faults, death)()
    assert_paid_once(ledger, started)


def test_sub_orchestrations_pay_once_each(operations, durable_faults, ledger, wait_until):
    """Also below an orchestration, with every kind of work doubled, each effect is there once."""
    durable_faults.duplicate_work_items(probability=1.0)
    baskets = [operations.start_orchestrator("basket", {"ledger": ledger.path, "items": 4}) for _ in range(3)]
    keys = [key for basket in baskets for key in assert_completed(basket)]
    assert len(set(keys)) == 12
    wait_until(lambda: len(ledger.attempts()) == 24, "the second runs, which nobody waits for")
    assert ledger.payments() == sorted(keys)
