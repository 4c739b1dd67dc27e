"""The fixtures of the system under test: which app runs where, and what the marks of a test ask of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from durable_harness.key_names import FUNCTION_KEY_VARIABLE
from durable_harness.pytest_plugin import outside, twice_option
from durable_harness.pytest_plugin.marks import PROCESS, isolate, isolation_of, moves_time, needs_control, time_of
from durable_harness.pytest_plugin.not_loaded import AppNotLoadedError
from durable_harness.pytest_plugin.plugin_options import (
    given_timeout_s,
    is_emulator_required,
    replay_args,
    setting,
    stack_names,
)
from durable_harness.pytest_plugin.runs import STATE

if TYPE_CHECKING:
    from durable_harness.stack import RunningStack
    from durable_harness.testing.stacks import RunningStacks

STACK_PARAMETER = "durable_stack_name"
NO_FOLDER = "there is no such folder. Name the app's by --app-dir=DIR, durable_app_dir in the ini file, or the fixture"
OF_CLOCK = ("durable_clock", "durable_faults", "durable_activities")
"""The fixtures that need a host which lets tests reach into it."""


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
def _durable_twice(
    request: pytest.FixtureRequest, durable_stack: RunningStack, _durable_isolated: None
) -> Iterator[None]:
    yield from twice_option.work_of_test(request, durable_stack)


def _cannot_run(config: pytest.Config, stack: str, why: str) -> NoReturn:
    if is_emulator_required(config):
        pytest.fail(f"the {stack} stack is required here and cannot run: {why}", pytrace=False)
    pytest.skip(f"the {stack} stack cannot run here: {why}")


def _tests_of(module: pytest.Item) -> list[pytest.Item]:
    return [item for item in module.session.items if item.nodeid.startswith(f"{module.nodeid}::")]


def _uses_http(module: pytest.Item) -> bool:
    return _is_used(_tests_of(module), "durable_http")


def _is_used(tests: list[pytest.Item], *fixtures: str) -> bool:
    """Return whether one of the tests asks for one of the fixtures."""
    return any(not set(fixtures).isdisjoint(getattr(item, "fixturenames", ())) for item in tests)
