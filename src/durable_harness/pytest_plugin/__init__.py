"""The pytest plugin: a running Durable Functions app for tests, on the stack of your choice.

Fixtures:
    durable_stack     where the app under test runs: URL, log, dashboard
    durable_url       its URL
    durable_operations  start operations of the app and follow them (`durable_harness.testing.Operations`)
    operations, base_url  the same two by their old names; `base_url` is pytest-base-url's where that is installed
    durable_async_operations  the twin of `durable_operations` for coroutines (`durable_harness.testing.aio`)
    durable_history   durable_history(instance_id): the history of any instance
    durable_clock     move the time of its timers: skip(), advance(…), now() (`durable_harness.testing.DurableClock`)
    durable_activities  answer in place of activities, entities and services (`…testing.DurableActivities`)
    durable_http      answer the app's requests to outside services (`…testing.DurableHttp`)
    durable_faults    break the system under test, repeatably (`durable_harness.testing.DurableFaults`)
    durable_replay    durable_replay("tests/histories/*.json"): recorded histories against today's code
    durable_app_dir   the folder of the app under test; redefine it where one module or folder tests another app
    durable_serve_args  further options of `durable-harness serve`; redefine it likewise

The options and the ini keys are in `plugin_options`. With several stacks (`--stack embedded,emulator`), tests that use
the fixtures run once on each; `@pytest.mark.stacks("embedded", reason="…")` limits a test to some.
`@pytest.mark.durable_time("skip", at_most="30d")` sets the clock for one test, `@pytest.mark.durable_isolation("hub")`
gives it an empty task hub.

Nothing of the harness is imported before one of the fixtures is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from durable_harness.key_names import FUNCTION_KEY_VARIABLE
from durable_harness.pytest_plugin import beside, failed, outside, own_frames, own_function_errors, twice_option
from durable_harness.pytest_plugin.marks import PROCESS, isolate, isolation_of, moves_time, needs_control, time_of
from durable_harness.pytest_plugin.not_loaded import AppNotLoadedError, report_once
from durable_harness.pytest_plugin.old_names import register_old_names
from durable_harness.pytest_plugin.plugin_options import (
    add_options,
    check_options,
    given_timeout_s,
    is_emulator_required,
    replay_args,
    setting,
    stack_names,
    wants_twice,
)
from durable_harness.pytest_plugin.runs import STACK_PROPERTY, STATE, OutcomeCounter, RunState

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
    from durable_harness.testing.stacks import RunningStacks

STACK_PARAMETER = "durable_stack_name"
MARKERS = (
    "stacks(*names, reason): run this test on these stacks only (durable-harness)",
    'durable_isolation(level): "shared", "hub" or "process", what this test has to itself (durable-harness)',
    'durable_time(mode, at_most): "skip", "hold" or "real", for the clock of this test (durable-harness)',
)
NO_FOLDER = "there is no such folder. Name the app's by --app-dir=DIR, durable_app_dir in the ini file, or the fixture"
OF_CLOCK = ("durable_clock", "durable_faults", "durable_activities")
"""The fixtures that need a host which lets tests reach into it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    beside.add_remedies(parser, args)


def pytest_configure(config: pytest.Config) -> None:
    for marker in (*MARKERS, *twice_option.MARKERS):
        config.addinivalue_line("markers", marker)
    check_options(config)
    config.stash[STATE] = RunState(config)
    register_old_names(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        time_of(item)
        isolation_of(item)


# -- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def durable_stack_name(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> str:
    """The name of the stack that the test runs on, one of those in `--stack`."""
    return str(getattr(request, "param", None) or stack_names(pytestconfig)[0])


@pytest.fixture(scope="session")
def durable_app_dir(pytestconfig: pytest.Config) -> Path:
    """The folder of the app under test. To test another app in a module or folder, redefine this fixture there."""
    given = pytestconfig.getoption("--app-dir")
    if given:
        return (pytestconfig.invocation_params.dir / str(given)).resolve()
    return (pytestconfig.rootpath / str(pytestconfig.getini("durable_app_dir"))).resolve()


@pytest.fixture(scope="session")
def durable_serve_args() -> tuple[str, ...]:
    """Additional options of `durable-harness serve`, such as `("--time", "skip")`. Redefine it to add some."""
    return ()


@pytest.fixture(scope="session")
def _durable_stacks(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStacks]:
    from durable_harness.testing.coverage import coverage_environment  # noqa: PLC0415 - who uses no fixture pays nothing
    from durable_harness.testing.stacks import RunningStacks  # noqa: PLC0415 - same

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    log_dir = tmp_path_factory.mktemp("durable-logs")
    stacks = RunningStacks(pytestconfig.stash[STATE].run(), worker, log_dir, coverage_environment())
    yield stacks
    stacks.close()


@pytest.fixture(scope="module")
def durable_stack(
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
    durable_stack_name: str,
    durable_app_dir: Path,
    durable_serve_args: tuple[str, ...],
    _durable_stacks: RunningStacks,
) -> Iterator[RunningStack]:
    """The running system under test, with its URL, its log and its dashboard.

    One host serves an app for the whole session. On the stacks emulator and func each module has a host and a task hub
    of its own. If this machine cannot run the stack, the test is skipped with the reason.
    """
    from durable_harness.errors import (  # noqa: PLC0415 - same
        AppLoadError,
        StackUnavailableError,
        UnreachableError,
        UsageError,
    )
    from durable_harness.testing.stacks import StackRequest  # noqa: PLC0415
    from durable_harness.wording.places import add_app_folder  # noqa: PLC0415 - same

    tests = _tests_of(request.node)
    for_twice = twice_option.serve_args(
        pytestconfig, durable_stack_name, is_marked=any(map(twice_option.is_marked, tests))
    )
    wanted = StackRequest(
        name=durable_stack_name,
        app_dir=Path(durable_app_dir),
        module=Path(request.node.nodeid).stem,
        serve_args=(*durable_serve_args, *replay_args(pytestconfig, durable_stack_name), *for_twice),
        url=setting(pytestconfig, "--stack-url") or None,
        function_key=setting(pytestconfig, "--stack-key") or os.environ.get(FUNCTION_KEY_VARIABLE) or None,
        answer_timeout_s=given_timeout_s(pytestconfig),
        control=bool(for_twice) or _is_used(tests, *OF_CLOCK) or any(map(needs_control, tests)),
        breakable=_is_used(tests, "durable_faults"),
        restarts=any(isolation_of(item) == PROCESS for item in tests),
        catches_http=_is_used(tests, "durable_http"),
    )
    if not wanted.app_dir.is_dir():
        raise AppNotLoadedError(wanted.app_dir, NO_FOLDER)
    add_app_folder(wanted.app_dir)
    try:
        stack = _durable_stacks.get(wanted)
    except StackUnavailableError as error:
        _cannot_run(pytestconfig, durable_stack_name, str(error))
    except AppLoadError as error:
        raise AppNotLoadedError(wanted.app_dir, str(error)) from None
    except (UsageError, UnreachableError) as error:  # of an option or an app elsewhere: our own frames explain nothing
        pytest.fail(str(error), pytrace=False)
    yield stack
    _durable_stacks.leave(wanted)


@pytest.fixture(scope="module")
def durable_url(durable_stack: RunningStack) -> str:
    """The URL of the app under test, without a slash at the end."""
    return durable_stack.base_url


@pytest.fixture
def _durable_isolated(
    request: pytest.FixtureRequest, durable_stack: RunningStack, _durable_stacks: RunningStacks
) -> None:
    isolate(durable_stack, isolation_of(request.node), is_new=_durable_stacks.is_new(durable_stack))


@pytest.fixture(autouse=True)
def _durable_marks(request: pytest.FixtureRequest) -> None:
    """Set up what the marks of a test ask for, before its own fixtures."""
    if "durable_stack" in request.fixturenames:
        request.getfixturevalue("_durable_isolated")
        if twice_option.is_wanted(request.node):
            request.getfixturevalue("_durable_twice")
        if outside.is_caught(request.node, _uses_http):
            request.getfixturevalue("_durable_caught")
    else:
        twice_option.check_use(request.node)
    wanted = time_of(request.node)
    if wanted is not None and moves_time(request.node):
        wanted.apply(request.getfixturevalue("durable_clock"))


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
    from durable_harness.debugging import unless_debugged  # noqa: PLC0415 - same
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


durable_http = outside.durable_http  # pytest looks for fixtures in this module
_durable_caught = outside._durable_caught  # noqa: SLF001 - same


@pytest.fixture
def _durable_twice(
    request: pytest.FixtureRequest, durable_stack: RunningStack, _durable_isolated: None
) -> Iterator[None]:
    yield from twice_option.work_of_test(request, durable_stack)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a passing test if a function acted twice that must not, or if one of the test's own functions failed."""
    try:
        yield
    except BaseException:
        twice_option.check(item, has_passed=False)
        raise
    twice_option.check(item, has_passed=True)
    own_function_errors.check(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test why the host answered with errors, and its faults with their seed."""
    own_frames.cut(call)
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, AppNotLoadedError):
        report_once(item, call.excinfo.value, report)
    if report.failed:
        failed.add_requests(item, call, report)
        failed.add_unused_fakes(item, report)
    own_function_errors.add_to_report(item, report)
    outside.add_to_report(item, report)
    twice_option.add_to_report(item, report)
    if report.failed:
        failed.add_faults(item, report)
    return report


def _tests_of(module: pytest.Item) -> list[pytest.Item]:
    return [item for item in module.session.items if item.nodeid.startswith(f"{module.nodeid}::")]


def _uses_http(module: pytest.Item) -> bool:
    return _is_used(_tests_of(module), "durable_http")


def _is_used(tests: list[pytest.Item], *fixtures: str) -> bool:
    """Return whether one of the tests asks for one of the fixtures."""
    return any(not set(fixtures).isdisjoint(getattr(item, "fixturenames", ())) for item in tests)


# -- stacks: one run of a test on each --------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if STACK_PARAMETER in metafunc.fixturenames:
        metafunc.parametrize(STACK_PARAMETER, stack_names(metafunc.config), indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    name = _stack_of(item)
    if name is None:
        return
    item.user_properties.append((STACK_PROPERTY, name))
    marker = item.get_closest_marker("stacks")
    if marker is not None and name not in marker.args:
        reason = marker.kwargs.get("reason", "its marker names others")
        pytest.skip(f"does not run on the {name} stack, only on {', '.join(marker.args)}: {reason}")


def _stack_of(item: pytest.Item) -> str | None:
    name = getattr(getattr(item, "callspec", None), "params", {}).get(STACK_PARAMETER)
    return None if name is None else str(name)


# -- the run: its emulator, its other processes, its end --------------------------------------------------------------


def _cannot_run(config: pytest.Config, stack: str, why: str) -> NoReturn:
    if is_emulator_required(config):
        pytest.fail(f"the {stack} stack is required here and cannot run: {why}", pytrace=False)
    pytest.skip(f"the {stack} stack cannot run here: {why}")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the run's ID to an xdist worker; one that replaces a dead worker belongs to the same run."""
    state = node.config.stash[STATE]
    node.workerinput["durable_harness_run"] = state.facts()
    node.workerinput["durable_harness_fault_seed"] = state.fault_seed


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(OutcomeCounter(session.config.stash[STATE]))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    state = session.config.stash[STATE]
    state.end()
    ended_well = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    if not (state.is_controller and ended_well and is_emulator_required(session.config)):
        return
    if not state.ran_on("emulator") and not session.config.getoption("--collect-only"):
        state.complaint = "No test ran on the emulator, which is required here."
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    state = config.stash[STATE]
    if state.outcomes:
        terminalreporter.line(f"stacks: {state.describe()}")
    if wants_twice(config) and (lines := twice_option.lines_of(state.twice)):
        terminalreporter.section(twice_option.TITLE)
        for line in lines:
            terminalreporter.line(line)
    if complaint := state.complaint:
        terminalreporter.section("durable-harness", red=True, bold=True)
        terminalreporter.line(f"{complaint} Select its tests with --stack emulator.", red=True)
