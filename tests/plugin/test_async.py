"""The async twins of `operations`, with the plugins that run tests which are coroutines."""

import asyncio
import importlib.util
import inspect
import threading
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import Operations, StartedOperation, aio, assert_completed, assertions
from durable_harness.testing.aio import AsyncOperations, AsyncStartedOperation, in_thread

APP_DIR = Path(__file__).parents[1] / "apps" / "alone"
TESTS = """
import asyncio
import sys

import pytest
from durable_harness.testing import StuckOperationError
from durable_harness.testing.aio import assert_called_once, assert_completed, assert_history

pytestmark = pytest.mark.{mark}

async def test_an_operation(durable_async_operations):
    operation = await durable_async_operations.start_orchestrator("approval", {{"times": 2}})
    assert (await operation.wait_for("Running"))["name"] == "approval"
    await operation.raise_event("approved", 1)
    response = await operation.respond(2, to="approved")
    assert await assert_completed(operation, output=[1, 2]) == [1, 2]
    assert response.count == 1
    assert (await operation.status())["runtimeStatus"] == "Completed"
    assert (await operation.poll()).ok

async def test_a_failure_says_why(durable_async_operations):
    operation = await durable_async_operations.start_orchestrator("approval")
    with pytest.raises(StuckOperationError, match="waits for external event 'approved'"):
        await operation.wait(0.3)
    await operation.terminate("the test is over")

async def test_an_assertion(durable_async_operations):
    operation = await durable_async_operations.start_orchestrator("count")
    await assert_called_once(operation, "note")
    with pytest.raises(AssertionError, match="another history"):
        await assert_history(operation, ["ExecutionStarted"])
    answer = await durable_async_operations.request("GET", "/admin/host/status")
    assert answer.json()["state"] == "Running"

async def test_the_loop_is_of(durable_async_operations):
    await durable_async_operations.outputs()
    try:
        asyncio.get_running_loop()
        print("\\nloop: asyncio")
    except RuntimeError:
        import trio
        assert trio.lowlevel.in_trio_run()
        print("\\nloop: trio")
"""

OF_ASYNCIO = (8, 2)
"""The oldest pytest that pytest-asyncio 1 takes."""


def needs(package, plugin):
    """Skip a test where a plugin is not installed."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{plugin} is not installed here: pip install {plugin}")


def run(inner, mark, *arguments, more=""):
    """Run the tests with a mark, and return how that ended."""
    scope = "asyncio_default_fixture_loop_scope = function\n" if mark == "asyncio" else ""
    (inner.folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\n{scope}")
    inner.write("test_it.py", TESTS.format(mark=mark) + more)
    return inner.run(f"--app-dir={APP_DIR}", "-s", *arguments)


def test_pytest_asyncio(inner):
    """Tests that pytest-asyncio runs await operations."""
    needs("pytest_asyncio", "pytest-asyncio")
    if pytest.version_tuple < OF_ASYNCIO:
        pytest.skip("the pytest-asyncio that is installed needs a newer pytest: pip install 'pytest>=8.2'")
    outcome = run(inner, "asyncio", "-p", "pytest_asyncio.plugin")
    assert (outcome.code, len(outcome.cases)) == (0, 4), outcome.output
    assert "loop: asyncio" in outcome.output


def test_anyio_on_asyncio(inner):
    """Tests that anyio's plugin runs on asyncio await operations."""
    needs("anyio", "anyio")
    only = "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    outcome = run(inner, "anyio", "-p", "anyio.pytest_plugin", more=only)
    assert (outcome.code, len(outcome.cases)) == (0, 4), outcome.output
    assert "loop: asyncio" in outcome.output


def test_anyio_on_trio(inner):
    """Tests that anyio's plugin runs on trio await operations."""
    needs("trio", "trio")
    only = "\n@pytest.fixture\ndef anyio_backend():\n    return 'trio'\n"
    outcome = run(inner, "anyio", "-p", "anyio.pytest_plugin", more=only)
    assert (outcome.code, len(outcome.cases)) == (0, 4), outcome.output
    assert "loop: trio" in outcome.output


@pytest.mark.parametrize(
    ("twin", "original"), [(AsyncOperations, Operations), (AsyncStartedOperation, StartedOperation), (aio, assertions)]
)
def test_twins_take_what_the_originals_take(twin, original):
    """Each public method and assertion has a twin with the same parameters, so that neither is forgotten."""
    names = {name for name, value in vars(original).items() if inspect.isfunction(value) and name[0] != "_"}
    names = {name for name in names if original is not assertions or name.startswith("assert_")}
    for name in names - {"close", "explain"}:
        assert inspect.iscoroutinefunction(getattr(twin, name)), name
        taken, wanted = (inspect.signature(getattr(one, name)).parameters for one in (twin, original))
        assert [(one.name, one.default, one.kind) for one in taken.values()] == [
            (one.name, one.default, one.kind) for one in wanted.values()
        ], name


def test_an_assertion_of_the_other_kind_names_the_one_to_await():
    """An async operation, or a start that was not awaited, in a plain assertion is refused with the remedy."""

    async def start(): ...

    coroutine = start()
    for wrong in (AsyncStartedOperation(None), coroutine):
        with pytest.raises(UsageError, match=r"await the assertion of the same name in durable_harness\.testing\.aio"):
            assert_completed(wrong)
    coroutine.close()


def test_any_number_of_calls_wait_at_once():
    """A hundred calls that wait for each other all begin, however few threads the pool of the loop has."""
    barrier = threading.Barrier(100, timeout=10)

    async def wait_for_all():
        return await asyncio.gather(*(in_thread(barrier.wait) for _ in range(100)))

    assert sorted(asyncio.run(wait_for_all())) == list(range(100))


def test_a_cancelled_task_does_not_wait():
    """A wait that is cancelled ends at once, and so does the loop, though the call in its thread continues."""
    release, begun = threading.Event(), threading.Event()

    def call():
        begun.set()
        release.wait()

    async def give_up():
        waiting = asyncio.ensure_future(in_thread(call))
        while not begun.is_set():  # noqa: ASYNC110 - an event of threads
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return release.is_set()

    assert asyncio.run(give_up()) is False
    release.set()


def test_what_a_call_raises_is_raised_where_it_is_awaited():
    """An error in the thread is the caller's, BaseException included."""

    def interrupt():
        raise KeyboardInterrupt("stop")

    async def call():
        with pytest.raises(KeyboardInterrupt, match="stop"):
            await in_thread(interrupt)

    asyncio.run(call())
