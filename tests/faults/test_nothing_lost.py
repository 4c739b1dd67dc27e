"""The sample app under each fault: every operation that was accepted ends once, with its own output."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from durable_harness.operations import NoResponse
from durable_harness.testing import assert_completed, assert_failed

START = "/api/async_http_api"
INSTANCES = "/runtime/webhooks/durabletask/instances"
OPERATIONS = 12
DURATION_S = 0.1

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


def start(operations, count=OPERATIONS, duration_s=DURATION_S):
    """Start operations that can be distinguished by their outputs."""
    return [operations.start(START, {"duration": duration_s, "data": number}) for number in range(count)]


def assert_each_ended_once(operations, started):
    """Every operation completed with its own output, and is listed once."""
    assert [assert_completed(operation)["data"] for operation in started] == list(range(len(started)))
    ids = [operation.instance_id for operation in started]
    listed = operations.request("GET", f"{INSTANCES}?top=10000&showInput=false").json_value()
    found = [status["instanceId"] for status in listed if status["instanceId"] in ids]
    assert sorted(found) == sorted(ids)


WORK_ITEM_FAULTS = {
    "drop": lambda faults: faults.drop_work_items(probability=0.3, back_after_s=0.05),
    "delay": lambda faults: faults.delay_work_items((0.0, 0.3), probability=0.5),
    "duplicate": lambda faults: faults.duplicate_work_items(probability=0.5),
    "refuse": lambda faults: faults.refuse_completions(probability=0.3),
    "refuse turns": lambda faults: faults.refuse_completions(OPERATIONS, kind="orchestration"),
}
DEATHS = {
    "host": lambda faults: faults.kill_host(),
    "worker": lambda faults: faults.kill_worker(),
    "scheduler": lambda faults: faults.kill_scheduler(),
    "stream": lambda faults: faults.reset_stream(away_s=0.3),
    "pause": lambda faults: faults.pause_scheduler(0.5),
    "threads": lambda faults: faults.fill_thread_pool(0.5),
}


@pytest.mark.parametrize("fault", WORK_ITEM_FAULTS)
def test_faulty_work_items_lose_nothing(operations, durable_faults, fault):
    """Items that are dropped, late or doubled, and completions that are refused, cost time and no operation."""
    injected = WORK_ITEM_FAULTS[fault](durable_faults)
    started = start(operations)
    assert_each_ended_once(operations, started)
    struck = injected.wait(3)
    assert {one.instance_id for one in struck} <= {operation.instance_id for operation in started}


@pytest.mark.parametrize("victim", DEATHS)
def test_what_dies_or_hangs_loses_nothing(operations, durable_faults, victim):
    """Operations whose work is at the host while something dies, or stands still, end anyway."""
    held = durable_faults.delay_work_items(0.3, OPERATIONS, kind="activity")
    started = start(operations)
    held.wait()
    DEATHS[victim](durable_faults)
    assert_each_ended_once(operations, started)


@pytest.mark.thorough
@pytest.mark.timeout(100)
def test_everything_at_once_loses_nothing(operations, durable_faults):
    """All faults of work items together, and deaths at random moments of one seed: nothing is lost or ends twice."""
    for inject in (durable_faults.drop_work_items, durable_faults.duplicate_work_items):
        inject(probability=0.1)
    durable_faults.refuse_completions(probability=0.1)
    durable_faults.delay_work_items((0.0, 0.2), probability=0.2)
    started = start(operations, 20, duration_s=0.3)
    for kill in durable_faults.random.sample([durable_faults.kill_worker, durable_faults.reset_stream] * 2, 4):
        started[durable_faults.random.randrange(20)].poll()
        kill()
    durable_faults.kill_scheduler()
    durable_faults.kill_host()
    assert_each_ended_once(operations, started)


def test_a_scheduler_that_stands_still_answers_later(operations, durable_faults):
    """While the scheduler stands still a request waits for it; when it continues the operation is known and ends."""
    [operation] = start(operations, 1)
    pause = durable_faults.pause_scheduler(60)
    waiting = operations.client.request("GET", operation.status_url, timeout_s=0.3)
    assert isinstance(waiting, NoResponse)
    with ThreadPoolExecutor() as callers:
        begun = callers.submit(start, operations, 1)
        assert isinstance(operations.client.request("GET", operation.status_url, timeout_s=0.3), NoResponse)
        pause.end()
        assert_completed(begun.result(timeout=30)[0])
    assert_completed(operation)


def test_too_large_a_result_fails_its_operation_only(operations, durable_faults):
    """A result beyond the limit of 1 MB fails its operation, with size and limit in the error; the others complete."""
    oversized = durable_faults.oversize_payloads(1, kind="activity")
    started = start(operations, 5)
    [struck] = oversized.wait()
    by_id = {operation.instance_id: operation for operation in started}
    reason = assert_failed(by_id.pop(struck.instance_id), match="1048577 bytes")
    assert "1048576" in reason
    for operation in by_id.values():
        assert_completed(operation)


def test_too_large_an_output_fails_its_operation(operations, durable_faults):
    """An output beyond the limit fails its operation; nothing is stuck."""
    durable_faults.oversize_payloads(1, kind="orchestration")
    [operation] = start(operations, 1)
    assert_failed(operation, match="1048577 bytes")
