"""What the sample app promises its callers, through faults: statuses, ids, lists, times that show queues."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from durable_harness.testing import Operations, assert_called_once, assert_completed

START = "/api/async_http_api"
WEBHOOKS = "/runtime/webhooks/durabletask"
TOKEN = "x-ms-continuation-token"
A_DAY_S = 24 * 60 * 60
ACTIONS = ("raiseEvent/go", "terminate?reason=late", "suspend?reason=late", "resume?reason=late")
FAULTS = {
    "nothing": lambda _faults: None,
    "host": lambda faults: faults.kill_host(),
    "scheduler": lambda faults: faults.kill_scheduler(),
}

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")
through_faults = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture
def running(operations):
    """Yield an operation that runs until a client terminates it."""
    operation = operations.start(START, {"duration": A_DAY_S})
    operation.wait_for("Running")
    yield operation
    if operation.poll().status == 202:
        operation.terminate("the test is over")


@pytest.fixture
def ended(operations):
    """Return an operation that has completed."""
    operation = operations.start(START, {"duration": 0})
    assert_completed(operation)
    return operation


def statuses(operations, instance_id):
    """Return what the app's own status route and the durable HTTP API answer for an id."""
    urls = (f"/api/status/{instance_id}", f"{WEBHOOKS}/instances/{instance_id}")
    return [operations.request("GET", url).status for url in urls]


def answers_to_actions(operations, instance_id):
    """Return what an event, a termination, a suspension and a resumption of an id are answered with."""
    urls = [f"{WEBHOOKS}/instances/{instance_id}/{action}" for action in ACTIONS]
    return {operations.request("POST", url, {}).status for url in urls}


@through_faults
def test_status_rules(operations, durable_faults, running, ended, fault):
    """Running is 202, ended 200 and 410 for who wants to change it, unknown 404: also after a process has died."""
    unknown_id = uuid.uuid4().hex
    FAULTS[fault](durable_faults)
    assert statuses(operations, running.instance_id) == [202, 202]
    assert statuses(operations, ended.instance_id) == [200, 200]
    assert statuses(operations, unknown_id) == [404, 404]
    assert answers_to_actions(operations, ended.instance_id) == {410}
    assert answers_to_actions(operations, unknown_id) == {404}
    assert ended.status()["runtimeStatus"] == "Completed"


def test_a_terminated_operation_is_200_and_then_gone(operations, durable_faults, running):
    """A termination is accepted with 202 while the host's worker is dying, then reported with 200, then 410."""
    durable_faults.kill_worker()
    running.terminate("enough")
    assert running.wait()["runtimeStatus"] == "Terminated"
    assert statuses(operations, running.instance_id) == [200, 200]
    again = operations.request("POST", f"{WEBHOOKS}/instances/{running.instance_id}/terminate", {})
    assert again.status == 410


def start_with_id(operations, instance_id, duration_s):
    url = f"{WEBHOOKS}/orchestrators/async_http_orchestrator/{instance_id}"
    payload = {"operation_type": "twice", "duration": duration_s, "data": None}
    return operations.request("POST", url, payload)


@through_faults
def test_an_id_in_use_is_a_conflict(operations, durable_faults, fault):
    """A start with the id of a running operation is 409 and changes nothing; who comes first has it."""
    instance_id = uuid.uuid4().hex
    assert start_with_id(operations, instance_id, A_DAY_S).status == 202
    FAULTS[fault](durable_faults)
    refused = start_with_id(operations, instance_id, 0)
    assert refused.status == 409, refused.body
    document = operations.request("GET", f"{WEBHOOKS}/instances/{instance_id}").json_object()
    assert document["input"]["duration"] == A_DAY_S
    operations.request("POST", f"{WEBHOOKS}/instances/{instance_id}/terminate", {})


def test_of_many_starts_with_one_id_one_runs(operations, durable_faults, wait_until):
    """Of ten callers who start with one id one is accepted; with every work item doubled it is still one operation."""
    instance_id = uuid.uuid4().hex
    held = durable_faults.drop_work_items(probability=1.0, kind="orchestration", back_after_s=None)
    durable_faults.duplicate_work_items(probability=1.0)
    with ThreadPoolExecutor(10) as callers:
        answers = [callers.submit(start_with_id, operations, instance_id, 0) for _ in range(10)]
    assert Counter(answer.result().status for answer in answers) == {202: 1, 409: 9}
    held.end()
    history = history_of_ended(operations, wait_until, instance_id)
    assert [row["EventType"] for row in history].count("TaskCompleted") == 1


def history_of_ended(operations, wait_until, instance_id):
    """Wait for the end of an instance and return its history."""
    url = f"{WEBHOOKS}/instances/{instance_id}?showHistory=true"
    wait_until(lambda: operations.request("GET", url).status == 200, f"the end of {instance_id}")
    document = operations.request("GET", url).json_object()
    assert document["runtimeStatus"] == "Completed"
    return document["historyEvents"]


def test_an_id_that_has_ended_can_be_used_again(operations, wait_until, ended):
    """A start with the id of an ended operation is accepted, as in Azure, and runs again."""
    assert start_with_id(operations, ended.instance_id, 0).status == 202
    history = history_of_ended(operations, wait_until, ended.instance_id)
    assert [row["EventType"] for row in history].count("ExecutionStarted") == 1


@pytest.fixture(scope="module")
def crowd(durable_stack, tmp_path_factory):
    """Return the ids of 250 operations, and the prefix that only they have."""
    operations = Operations(durable_stack, tmp_path_factory.mktemp("reports"))
    prefix = f"crowd-{uuid.uuid4().hex[:8]}-"
    ids = [f"{prefix}{number}" for number in range(250)]
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda instance_id: start_with_id(operations, instance_id, 0).status, ids))
    assert answers == [202] * len(ids)
    return prefix, ids


def pages(operations, prefix, between, **query):
    """Yield the pages of a list, doing something between them."""
    words = "&".join(f"{name}={value}" for name, value in {"instanceIdPrefix": prefix, **query}.items())
    token = ""
    while True:
        headers = {TOKEN: token} if token else {}
        answer = operations.request("GET", f"{WEBHOOKS}/instances?{words}", headers=headers)
        assert answer.status == 200
        yield [status["instanceId"] for status in answer.json_value()]
        token = answer.headers[TOKEN]
        if not token:
            return
        between()


@pytest.mark.thorough
@through_faults
def test_a_list_goes_beyond_its_first_page(operations, durable_faults, crowd, fault):
    """More than 100 operations are listed in pages, each once, although a process dies between the pages."""
    prefix, ids = crowd
    found = list(pages(operations, prefix, lambda: FAULTS[fault](durable_faults)))
    assert [len(page) for page in found] == [100, 100, 50]
    assert sorted(instance_id for page in found for instance_id in page) == sorted(ids)


@pytest.mark.parametrize("top", [1000, 120, 100, 99])
def test_a_list_is_paged_as_asked(operations, crowd, top):
    """`top` is the size of a page; the last one has no link to another."""
    prefix, ids = crowd
    found = list(pages(operations, prefix, lambda: None, top=top))
    assert [len(page) for page in found[:-1]] == [top] * (len(found) - 1)
    assert sorted(instance_id for page in found for instance_id in page) == sorted(ids)


def test_a_full_thread_pool_shows_as_queue_time(operations, durable_faults):
    """While no thread is free a start is still accepted; the wait lies between created and started, not in the work."""
    durable_faults.fill_thread_pool()
    operation = operations.start(START, {"duration": 0.2})
    assert operation.poll().status == 202
    assert operation.status()["runtimeStatus"] == "Pending"
    released = datetime.now(UTC)
    durable_faults.end()
    output = assert_completed(operation)
    created = datetime.fromisoformat(operation.status()["createdTime"])
    started, finished = (datetime.fromisoformat(output[name]) for name in ("startedAt", "finishedAt"))
    assert created <= released <= started <= finished
    assert_called_once(operation, "process_long_running_task")
