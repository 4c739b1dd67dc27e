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

from collections.abc import Generator
from typing import Any

import pytest

from durable_harness.pytest_plugin import (
    beside,
    failed,
    outside,
    own_frames,
    own_function_errors,
    stack_fixtures,
    tool_fixtures,
    twice_option,
)
from durable_harness.pytest_plugin.marks import isolation_of, time_of
from durable_harness.pytest_plugin.not_loaded import AppNotLoadedError, report_once
from durable_harness.pytest_plugin.old_names import register_old_names
from durable_harness.pytest_plugin.plugin_options import (
    add_options,
    check_options,
    is_emulator_required,
    stack_names,
    wants_twice,
)
from durable_harness.pytest_plugin.runs import STACK_PROPERTY, STATE, OutcomeCounter, RunState
from durable_harness.pytest_plugin.stack_fixtures import STACK_PARAMETER

MARKERS = (
    "stacks(*names, reason): run this test on these stacks only (durable-harness)",
    'durable_isolation(level): "shared", "hub" or "process", what this test has to itself (durable-harness)',
    'durable_time(mode, at_most): "skip", "hold" or "real", for the clock of this test (durable-harness)',
)

# pytest looks for fixtures in this module only.
durable_stack_name = stack_fixtures.durable_stack_name
durable_app_dir = stack_fixtures.durable_app_dir
durable_serve_args = stack_fixtures.durable_serve_args
_durable_stacks = stack_fixtures._durable_stacks  # noqa: SLF001 - pytest has to find it, no one else
durable_stack = stack_fixtures.durable_stack
durable_url = stack_fixtures.durable_url
_durable_isolated = stack_fixtures._durable_isolated  # noqa: SLF001 - same
_durable_marks = stack_fixtures._durable_marks  # noqa: SLF001 - same
_durable_twice = stack_fixtures._durable_twice  # noqa: SLF001 - same

durable_operations = tool_fixtures.durable_operations
operations = tool_fixtures.operations
durable_async_operations = tool_fixtures.durable_async_operations
durable_history = tool_fixtures.durable_history
durable_clock = tool_fixtures.durable_clock
_durable_replayed_apps = tool_fixtures._durable_replayed_apps  # noqa: SLF001 - same
durable_replay = tool_fixtures.durable_replay
durable_faults = tool_fixtures.durable_faults
durable_activities = tool_fixtures.durable_activities

durable_http = outside.durable_http
_durable_caught = outside._durable_caught  # noqa: SLF001 - same


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
