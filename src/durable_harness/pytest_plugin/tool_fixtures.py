"""The fixtures that a test works with: its operations, their histories, the clock, faults and fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from durable_harness.pytest_plugin import own_function_errors
from durable_harness.pytest_plugin.plugin_options import setting
from durable_harness.pytest_plugin.runs import STATE

if TYPE_CHECKING:
    from durable_harness.replay import ReplayedApp
    from durable_harness.stack import RunningStack
    from durable_harness.testing import (
        DurableActivities,
        DurableClock,
        DurableFaults,
        HistoryRow,
        Operations,
    )
    from durable_harness.testing.aio import AsyncOperations
    from durable_harness.testing.durable_replay import HistoryReplayer


@pytest.fixture
def durable_operations(
    pytestconfig: pytest.Config,
    durable_stack: RunningStack,
    _durable_isolated: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operations]:
    """Start operations of the app under test and follow them; run functions, read outputs, set inputs.

    Example: `assert_completed(durable_operations.start("/api/orders", {"id": 7}), output={"state": "paid"})`.

    Each operation must end within `--operation-timeout` seconds, unless a call names another limit.
    """
    from durable_harness.debugging import unless_debugged  # noqa: PLC0415 - who uses no fixture pays nothing
    from durable_harness.testing import Operations  # noqa: PLC0415

    report_dir = tmp_path_factory.getbasetemp() / "durable-reports"
    timeout_s = unless_debugged(float(setting(pytestconfig, "--operation-timeout")))
    operations = Operations(durable_stack, report_dir, timeout_s)
    yield operations
    operations.close()


@pytest.fixture
def operations(durable_operations: Operations) -> Operations:
    """The old name of `durable_operations`."""
    return durable_operations


@pytest.fixture
def durable_async_operations(durable_operations: Operations) -> AsyncOperations:
    """The same as `durable_operations` for tests that are coroutines, with pytest-asyncio or anyio.

    Example: `operation = await durable_async_operations.start("/api/orders", {"id": 7})`.
    """
    from durable_harness.testing.aio import AsyncOperations  # noqa: PLC0415 - same

    return AsyncOperations(durable_operations)


@pytest.fixture
def durable_history(durable_operations: Operations) -> Callable[[str], list[HistoryRow]]:
    """Call `durable_history(instance_id)` to get the history of any instance, as a list of dicts.

    It raises AssertionError if there is no such instance.
    """
    return durable_operations.history


@pytest.fixture
def durable_clock(durable_stack: RunningStack) -> Iterator[DurableClock]:
    """Move the scheduler's clock: skip to the next timer, hold timers, or let an amount of time pass.

    Example: `durable_clock.skip(at_most="30d")`.

    After the test, time passes at the speed of the wall clock again. The test is skipped if the scheduler's clock
    cannot be moved, as on all stacks but embedded.
    """
    from durable_harness.testing.durable_clock import clock_of  # noqa: PLC0415 - same

    clock = clock_of(durable_stack)
    if clock is None:
        pytest.skip(
            f"the clock of the {durable_stack.name} stack cannot be moved: its scheduler keeps the wall clock. Run this"
            " test with --stack embedded, and without a scheduler of its own in durable_serve_args"
        )
    yield clock
    clock.close()


@pytest.fixture(scope="session")
def _durable_replayed_apps() -> dict[Path, ReplayedApp]:
    return {}


@pytest.fixture
def durable_replay(
    pytestconfig: pytest.Config, durable_app_dir: Path, _durable_replayed_apps: dict[Path, ReplayedApp]
) -> HistoryReplayer:
    """Call `durable_replay("tests/histories/*.json")` to replay recorded histories against today's code.

    It raises AssertionError unless all of them replay as recorded.
    """
    from durable_harness.replay import ReplayedApp  # noqa: PLC0415 - same
    from durable_harness.testing.durable_replay import HistoryReplayer  # noqa: PLC0415 - same

    def load(directory: Path) -> ReplayedApp:
        return _durable_replayed_apps.setdefault(directory, ReplayedApp(directory))

    return HistoryReplayer(pytestconfig.rootpath, Path(durable_app_dir), load)


@pytest.fixture
def durable_faults(pytestconfig: pytest.Config, durable_stack: RunningStack) -> Iterator[DurableFaults]:
    """Inject faults into the system under test: kill processes, lose or repeat work. All is restored after the test.

    Example: `durable_faults.drop_work_items(3, kind="activity")`.

    The test is skipped on the stacks func and remote, because durable-harness does not run their host.
    """
    from durable_harness.testing.faults import faults_of  # noqa: PLC0415 - same

    faults = faults_of(durable_stack.control, pytestconfig.stash[STATE].fault_seed)
    if faults is None:
        pytest.skip(
            f"the {durable_stack.name} stack cannot be broken: its host is not a process of ours. Run this test with"
            " --stack embedded"
        )
    yield faults
    faults.end()


@pytest.fixture
def durable_activities(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, durable_stack: RunningStack
) -> Iterator[DurableActivities]:
    """Answer in place of activities, entities, `call_http` and the models of agents, until the end of the test.

    Example: `durable_activities.fake("charge_card", returns={"charge": "c-1"})`.

    The test is skipped on the stacks func and remote, because durable-harness does not run their host.
    """
    from durable_harness.testing.fakes import activities_of  # noqa: PLC0415 - same
    from durable_harness.testing.liveness import has_ended  # noqa: PLC0415 - same

    activities = activities_of(durable_stack)
    if activities is None:
        pytest.skip(
            f"the functions of the {durable_stack.name} stack cannot be faked: its host is not a process of ours. Run"
            " this test with --stack embedded or --stack emulator"
        )
    for _ in own_function_errors.used(request.node, pytestconfig, activities, lambda: has_ended(durable_stack)):
        yield activities
