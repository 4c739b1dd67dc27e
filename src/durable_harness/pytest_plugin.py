"""The pytest plugin: a running Durable Functions app for tests, on the stack of your choice.

Fixtures:
    durable_stack     where the app under test runs: URL, log, dashboard
    base_url          its URL
    operations        start operations of the app and follow them (`durable_harness.testing.Operations`)
    durable_history   durable_history(instance_id): the history of any instance
    durable_clock     move the time of its timers: skip(), advance(…), now() (`durable_harness.testing.DurableClock`)
    durable_faults    break the system under test, repeatably (`durable_harness.testing.DurableFaults`)
    durable_replay    durable_replay("tests/histories/*.json"): recorded histories against today's code
    durable_app_dir   the folder of the app under test; redefine it where one module or folder tests another app
    durable_serve_args  further options of `durable-harness serve`; redefine it likewise

The options and the ini keys are OPTIONS below. With several stacks (`--stack embedded,emulator`), tests that use the
fixtures run once on each; `@pytest.mark.stacks("embedded", reason="…")` limits a test to some.

Nothing of the harness is imported before one of the fixtures is used.
"""

from __future__ import annotations

import os
import random
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest

if TYPE_CHECKING:
    from durable_harness.replay import ReplayedApp
    from durable_harness.stack import RunningStack
    from durable_harness.testing import DurableClock, DurableFaults, HistoryRow, Operations
    from durable_harness.testing.replaying import HistoryReplayer
    from durable_harness.testing.run import Run
    from durable_harness.testing.stacks import RunningStacks

STACKS = ("embedded", "emulator", "func", "remote")
STACK_PARAMETER = "durable_stack_name"
STACK_PROPERTY = "durable_stack"
KEY_VARIABLE = "DURABLE_HARNESS_FUNCTION_KEY"
MARKER = "stacks(*names, reason): run this test on these stacks only (durable-harness)"


class Option(NamedTuple):
    """An option of the command line and its twin in the ini file."""

    flag: str
    ini: str
    default: str
    help: str


OPTIONS = (
    Option(
        "--stack",
        "durable_stack",
        "embedded",
        "what the app under test runs on: embedded (nothing but Python), emulator (our host on a DTS emulator in a"
        " container), func (Core Tools on that emulator), remote (a deployment); several separated by commas",
    ),
    Option(
        "--app-dir",
        "durable_app_dir",
        ".",
        "folder of the function_app.py under test; in the ini file relative to the root directory (write --app-dir=DIR"
        " with the equals sign: pytest takes a folder after a space for one of tests when it looks for its ini file)",
    ),
    Option("--stack-url", "durable_stack_url", "", "URL of the deployment that --stack remote tests"),
    Option("--stack-key", "durable_stack_key", "", f"its function key; {KEY_VARIABLE} in the environment does too"),
    Option("--operation-timeout", "durable_operation_timeout", "30", "seconds in which an operation must have ended"),
    Option(
        "--fault-seed",
        "durable_fault_seed",
        "1",
        "what durable_faults chooses by: a whole number, or random for another one in each run; a failure tells it",
    ),
)
REPLAY_FLAG, REPLAY_INI = "--always-replay", "durable_always_replay"
REPLAY_HELP = (
    "replay every orchestration from its beginning, twice in each turn, and fail it where it does not repeat itself; on"
    " the embedded and emulator stacks, whose host is ours"
)
REPLAYING_STACKS = ("embedded", "emulator")
REQUIRE_FLAG, REQUIRE_INI = "--require-emulator", "durable_require_emulator"
REQUIRE_HELP = (
    "fail instead of skipping where the emulator cannot run, and when no test ran on it; CI=true in the environment"
    " does the same if --stack names the emulator"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("durable-harness", "durable-harness, tests of Durable Functions apps")
    for option in OPTIONS:
        group.addoption(option.flag, metavar="VALUE", help=f"{option.help} (default: {option.default or 'none'})")
        parser.addini(option.ini, f"{option.flag}: {option.help}", default=option.default)
    group.addoption(REPLAY_FLAG, action="store_true", help=REPLAY_HELP)
    parser.addini(REPLAY_INI, f"{REPLAY_FLAG}: {REPLAY_HELP}", type="bool", default=False)
    group.addoption(REQUIRE_FLAG, action="store_true", help=REQUIRE_HELP)
    parser.addini(REQUIRE_INI, f"{REQUIRE_FLAG}: {REQUIRE_HELP}", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    names = _stack_names(config)
    wrong = [name for name in names or [""] if name not in STACKS]
    if wrong:
        raise pytest.UsageError(f"--stack: got '{wrong[0]}', allowed are {', '.join(STACKS)}")
    others = [name for name in names if name not in REPLAYING_STACKS]
    if config.getoption(REPLAY_FLAG) and others:
        raise pytest.UsageError(f"{REPLAY_FLAG}: the host of the {others[0]} stack is not ours and cannot be told to")
    config.stash[_STATE] = _State(config)


# -- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def durable_stack_name(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> str:
    """Give the name of the stack that the test runs on, one of those that --stack names."""
    return str(getattr(request, "param", None) or _stack_names(pytestconfig)[0])


@pytest.fixture(scope="session")
def durable_app_dir(pytestconfig: pytest.Config) -> Path:
    """Give the folder of the app under test."""
    given = pytestconfig.getoption("--app-dir")
    if given:
        return (pytestconfig.invocation_params.dir / str(given)).resolve()
    return (pytestconfig.rootpath / str(pytestconfig.getini("durable_app_dir"))).resolve()


@pytest.fixture(scope="session")
def durable_serve_args() -> tuple[str, ...]:
    """Give further options of `durable-harness serve`, such as ("--time", "skip")."""
    return ()


@pytest.fixture(scope="session")
def _durable_stacks(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStacks]:
    from durable_harness.testing.coverage import coverage_environment  # noqa: PLC0415 - who uses no fixture pays nothing
    from durable_harness.testing.stacks import RunningStacks  # noqa: PLC0415 - same

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    log_dir = tmp_path_factory.mktemp("durable-logs")
    stacks = RunningStacks(pytestconfig.stash[_STATE].run(), worker, log_dir, coverage_environment())
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
    """Give the running stack: one per app for the whole session, on an emulator one per module with its own hub."""
    from durable_harness.errors import StackUnavailableError  # noqa: PLC0415 - same
    from durable_harness.testing.stacks import StackRequest  # noqa: PLC0415

    wanted = StackRequest(
        name=durable_stack_name,
        app_dir=Path(durable_app_dir),
        module=Path(request.node.nodeid).stem,
        serve_args=(*durable_serve_args, *_replay_args(pytestconfig, durable_stack_name)),
        url=_setting(pytestconfig, "--stack-url") or None,
        function_key=_setting(pytestconfig, "--stack-key") or os.environ.get(KEY_VARIABLE) or None,
        answer_timeout_s=_given_timeout_s(pytestconfig),
        control=_is_used(request.node, "durable_clock", "durable_faults"),
        breakable=_is_used(request.node, "durable_faults"),
    )
    try:
        stack = _durable_stacks.get(wanted)
    except StackUnavailableError as error:
        _cannot_run(pytestconfig, durable_stack_name, str(error))
    yield stack
    _durable_stacks.leave(wanted)


@pytest.fixture(scope="module")
def base_url(durable_stack: RunningStack) -> str:
    """Give the URL of the app under test, without a slash at its end."""
    return durable_stack.base_url


@pytest.fixture
def operations(
    pytestconfig: pytest.Config, durable_stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operations]:
    """Start operations of the app under test and follow them; run functions, read outputs, give inputs."""
    from durable_harness.testing import Operations  # noqa: PLC0415 - same

    report_dir = tmp_path_factory.getbasetemp() / "durable-reports"
    operations = Operations(durable_stack, report_dir, float(_setting(pytestconfig, "--operation-timeout")))
    yield operations
    operations.close()


@pytest.fixture
def durable_history(operations: Operations) -> Callable[[str], list[HistoryRow]]:
    """Give durable_history(instance_id): the history of any instance of the app under test."""
    return operations.history


@pytest.fixture
def durable_clock(durable_stack: RunningStack) -> Iterator[DurableClock]:
    """Give the scheduler's clock; after the test, time passes as the wall clock's again."""
    from durable_harness.testing.clock import clock_of  # noqa: PLC0415 - same

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
    """Give durable_replay("tests/histories/*.json"): fail unless recorded histories replay clean on today's code."""
    from durable_harness.replay import ReplayedApp  # noqa: PLC0415 - same
    from durable_harness.testing.replaying import HistoryReplayer  # noqa: PLC0415 - same

    def load(directory: Path) -> ReplayedApp:
        return _durable_replayed_apps.setdefault(directory, ReplayedApp(directory))

    return HistoryReplayer(pytestconfig.rootpath, Path(durable_app_dir), load)


def _replay_args(config: pytest.Config, stack: str) -> tuple[str, ...]:
    is_asked_for = config.getoption(REPLAY_FLAG) or config.getini(REPLAY_INI)
    return (REPLAY_FLAG,) if is_asked_for and stack in REPLAYING_STACKS else ()


@pytest.fixture
def durable_faults(pytestconfig: pytest.Config, durable_stack: RunningStack) -> Iterator[DurableFaults]:
    """Give what breaks the system under test; after the test everything is mended."""
    from durable_harness.testing.faults import faults_of  # noqa: PLC0415 - same

    faults = faults_of(durable_stack.control, pytestconfig.stash[_STATE].fault_seed)
    if faults is None:
        pytest.skip(
            f"the {durable_stack.name} stack cannot be broken: its host is not a process of ours. Run this test with"
            " --stack embedded"
        )
    yield faults
    faults.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the seed and the faults of a test that failed."""
    report = yield
    faults: DurableFaults | None = getattr(item, "funcargs", {}).get("durable_faults")
    if report.failed and faults is not None:
        report.sections.append(("durable-harness: the faults of this test", faults.describe()))
    return report


def _is_used(module: pytest.Item, *fixtures: str) -> bool:
    """Tell whether a test of the module asks for one of the fixtures."""
    tests = (item for item in module.session.items if item.nodeid.startswith(f"{module.nodeid}::"))
    return any(not set(fixtures).isdisjoint(getattr(item, "fixturenames", ())) for item in tests)


# -- stacks: one run of a test on each --------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if STACK_PARAMETER in metafunc.fixturenames:
        metafunc.parametrize(STACK_PARAMETER, _stack_names(metafunc.config), indirect=True, scope="session")


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


def _stack_names(config: pytest.Config) -> list[str]:
    return [name.strip() for name in _setting(config, "--stack").split(",") if name.strip()]


def _fault_seed(config: pytest.Config) -> int:
    given = _setting(config, "--fault-seed").strip()
    if given == "random":
        return random.SystemRandom().randrange(1_000_000)
    if not given.removeprefix("-").isdecimal():
        raise pytest.UsageError(f"--fault-seed: got '{given}', allowed are whole numbers and random")
    return int(given)


def _setting(config: pytest.Config, flag: str) -> str:
    """Return an option: from the command line, else from the ini file, else its default."""
    given = config.getoption(flag)
    return str(config.getini(_option(flag).ini) if given is None else given)


def _option(flag: str) -> Option:
    return next(option for option in OPTIONS if option.flag == flag)


def _given_timeout_s(config: pytest.Config) -> float | None:
    """Return the limit that the user set; None for the default, which leaves a cold start more time."""
    given = _setting(config, "--operation-timeout")
    is_default = config.getoption("--operation-timeout") is None and given == _option("--operation-timeout").default
    return None if is_default else float(given)


# -- the emulator: required or not, and gone when the run has ended ---------------------------------------------------


def _cannot_run(config: pytest.Config, stack: str, why: str) -> NoReturn:
    if _is_required(config):
        pytest.fail(f"the {stack} stack is required here and cannot run: {why}", pytrace=False)
    pytest.skip(f"the {stack} stack cannot run here: {why}")


def _is_required(config: pytest.Config) -> bool:
    if config.getoption(REQUIRE_FLAG) or config.getini(REQUIRE_INI):
        return True
    return os.environ.get("CI", "").lower() == "true" and "emulator" in _stack_names(config)


class _State:
    """What the plugin knows of one run of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        self._facts: dict[str, Any] | None = getattr(config, "workerinput", {}).get("durable_harness_run")
        self.is_controller = self._facts is None
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.fault_seed: int = getattr(config, "workerinput", {}).get("durable_harness_fault_seed", _fault_seed(config))
        self.complaint = ""

    def facts(self) -> dict[str, Any]:
        """Return what names the run, for its other processes."""
        if self._facts is None:
            name = uuid.uuid4().hex
            folder = Path(tempfile.gettempdir()) / f"durable-harness-run-{name}"
            self._facts = {"name": name, "folder": str(folder), "controller_pid": os.getpid()}
        return self._facts

    def run(self) -> Run:
        from durable_harness.testing.run import Run  # noqa: PLC0415 - only who uses a fixture pays for it

        return Run(**self.facts())

    def ran_on(self, stack: str) -> int:
        """Return how many tests were not skipped there."""
        return sum(count for (name, outcome), count in self.outcomes.items() if name == stack and outcome != "skipped")

    def end(self) -> None:
        """Clean up after all processes of the run, if any of them used a fixture."""
        if self.is_controller and self._facts is not None and Path(self._facts["folder"]).exists():
            self.run().end()


_STATE = pytest.StashKey[_State]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which run it belongs to; one that replaces a dead worker belongs to the same."""
    state = node.config.stash[_STATE]
    node.workerinput["durable_harness_run"] = state.facts()
    node.workerinput["durable_harness_fault_seed"] = state.fault_seed


class _Counter:
    """Counts in the controller's process, where the reports of all workers come together."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        stack = dict(report.user_properties).get(STACK_PROPERTY)
        if stack and (report.when == "call" or report.outcome != "passed"):
            self._state.outcomes[str(stack), report.outcome] += 1


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(_Counter(session.config.stash[_STATE]))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    state = session.config.stash[_STATE]
    state.end()
    ended_well = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    if not (state.is_controller and ended_well and _is_required(session.config)):
        return
    if not state.ran_on("emulator") and not session.config.getoption("--collect-only"):
        state.complaint = "No test ran on the emulator, which is required here."
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    state = config.stash[_STATE]
    if state.outcomes:
        counts = sorted(state.outcomes.items())
        terminalreporter.line("stacks: " + ", ".join(f"{stack} {count} {how}" for (stack, how), count in counts))
    if complaint := state.complaint:
        terminalreporter.section("durable-harness", red=True, bold=True)
        terminalreporter.line(f"{complaint} Select its tests with --stack emulator.", red=True)
