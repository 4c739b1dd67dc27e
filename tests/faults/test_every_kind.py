"""Every kind of durable work under each fault of work items: activities, timers, children, events, entities."""

import itertools
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed
from durable_harness.testing.faults import KINDS

OPERATIONS = 25
EXPECTED = {
    "activities": lambda n: 4 * n,
    "timers": lambda n: 2 * n,
    "children": lambda n: 8 * n + 4,
    "events": lambda n: {"n": n},
    "entities": lambda n: n,
}
FAULTS = {
    "drop": lambda faults, **which: faults.drop_work_items(**which, back_after_s=0.05),
    "delay": lambda faults, **which: faults.delay_work_items((0.0, 0.2), **which),
    "duplicate": lambda faults, **which: faults.duplicate_work_items(**which),
    "refuse": lambda faults, **which: faults.refuse_completions(**which),
}

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app with an orchestrator for each kind of waiting, and an entity that counts."""
    return Path(__file__).parents[1] / "apps" / "mixed"


class Counters:
    """The counting entities, which keep their counts from test to test."""

    def __init__(self, operations):
        self._operations = operations
        self._before = self._values()

    def added(self):
        """Return by how much they have grown: by calls, and by signals."""
        return tuple(now - before for now, before in zip(self._values(), self._before, strict=True))

    def _values(self):
        called = [self._value(str(key)) for key in range(7)]
        return sum(called), self._value("signals")

    def _value(self, key):
        answer = self._operations.request("GET", f"/runtime/webhooks/durabletask/entities/counter/{key}")
        return answer.json_value() if answer.status == 200 else 0


def start(operations):
    """Start operations of every kind, with the events that some wait for; return them with what must come out."""
    started = []
    for number, kind in zip(range(OPERATIONS), itertools.cycle(EXPECTED), strict=False):
        operation = operations.start_orchestrator(kind, number)
        if kind == "events":
            operation.raise_event("go", {"n": number})
        started.append((operation, EXPECTED[kind](number)))
    return started


@pytest.mark.parametrize("fault", FAULTS)
def test_every_kind_of_work_survives(operations, durable_faults, wait_until, fault):
    """Whatever happens to its work items, each operation has its own result, and entities count each call once."""
    counters = Counters(operations)
    surely = [FAULTS[fault](durable_faults, count=2, kind=kind) for kind in KINDS]
    FAULTS[fault](durable_faults, probability=0.2)
    started = start(operations)
    assert [assert_completed(operation) for operation, _ in started] == [expected for _, expected in started]
    assert [{struck.kind for struck in injected.wait()} for injected in surely] == [{kind} for kind in KINDS]
    per_kind = OPERATIONS // len(EXPECTED)
    wait_until(lambda: counters.added() == (per_kind, per_kind), "each call and each signal to be counted once")


def test_too_large_a_state_fails_the_call(operations, durable_faults):
    """A state beyond the limit fails the operation that made it, and the entity keeps the state that it had."""
    counters = Counters(operations)
    durable_faults.oversize_payloads(1, kind="entity")
    failed = operations.start_orchestrator("entities", 0).wait()
    assert failed["runtimeStatus"] == "Failed"
    assert "1048577 bytes" in failed["output"]
    assert counters.added() == (0, 0)
    assert_completed(operations.start_orchestrator("entities", 0), output=0)
