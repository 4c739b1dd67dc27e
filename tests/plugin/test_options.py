"""The plugin's options, ini keys, marker and skips: each in a run of pytest of its own."""

import gc
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.errors import StackUnavailableError, UsageError
from durable_harness.stack import StackOptions, open_stack

pytest_plugins = ("pytester",)

APP = Path(__file__).parent / "app"
NO_DOCKER = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
NOTHING_DURABLE = "def test_plain():\n    assert True\n"
ON_ITS_STACK = """
import pytest

@pytest.mark.stacks("emulator", "func", "remote", reason="it has no container")
def test_on_its_stack(durable_stack): ...
"""
STOP = """
import os, signal

def test_stop(durable_stack):
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_help_documents_every_option(pytester, plugin):
    """`pytest --help` lists each option once, and each ini key that stands for it."""
    printed = pytester.runpytest_subprocess(*plugin, "--help").stdout.str()
    group = printed[printed.index("durable-harness, tests of Durable Functions apps") :]
    for flag in (
        "--stack",
        "--app-dir",
        "--stack-url",
        "--stack-key",
        "--operation-timeout",
        "--isolation",
        "--fault-seed",
        "--always-replay",
        "--twice",
        "--twice-answer",
        "--require-emulator",
    ):
        assert f"{flag}" in group
        assert f"durable_{flag.strip('-').replace('-', '_').removeprefix('durable_')} (" in group


def test_a_wrong_stack_is_a_usage_error(pytester, plugin):
    """A stack that there is none of ends the run at once and names those that there are."""
    ended = pytester.runpytest_subprocess(*plugin, "--stack", "embedded,cloud")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(["*got 'cloud', expected one of embedded, emulator, func, remote"])


def test_who_uses_no_fixture_loads_nothing(pytester, plugin):
    """Without its fixtures the plugin imports none of the harness but names: any project can have it installed."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            ours = {name for name in sys.modules if name.partition(".")[0] == "durable_harness"}
            others = {name for name in ours if "pytest_plugin" not in name}
            assert others == {"durable_harness", "durable_harness.key_names"}  # names without imports
        """
    )
    pytester.runpytest_subprocess(*plugin, "-W", "error").assert_outcomes(passed=1)


def test_stacks_is_a_light_import():
    """Importing the stacks loads neither Docker's packages nor gRPC nor a web server."""
    script = (
        "import sys, durable_harness.stack, durable_harness.stack.emulator, durable_harness.testing;"
        "print({'docker', 'testcontainers', 'grpc', 'aiohttp', 'azure', 'pytest'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


def test_ini_keys_are_the_options_twins(inner):
    """The ini file holds unless the command line overrides it; its folders are relative to the root."""
    inner.write("pytest.ini", f"[pytest]\ndurable_app_dir = {APP}\ndurable_operation_timeout = 99\n")
    inner.write("test_ini.py", "def test_timeout(operations):\n    operations.start_orchestrator('approval').wait()\n")
    outcome = inner.run("--operation-timeout", "0.2")
    assert "has not ended after 0.2 s" in outcome.failure("test_timeout[embedded]")


def test_a_module_may_test_another_app(inner):
    """Redefining durable_app_dir points the fixtures of a module at the app it names, and the options at its host."""
    inner.write(
        "test_own.py",
        f"""
from pathlib import Path
import pytest
from durable_harness.testing import assert_completed

@pytest.fixture(scope="session")
def durable_app_dir():
    return Path({str(APP)!r})

@pytest.fixture(scope="session")
def durable_serve_args():
    return ("--time", "skip")

def test_an_hour_passes_at_once(operations):
    assert_completed(operations.start_orchestrator("nap"), output=None, timeout_s=5)
""",
    )
    outcome = inner.run("--app-dir=nowhere")
    assert outcome.code == 0, outcome.output


def test_a_crash_of_the_host_fails_one_module(inner):
    """A host that was killed is started again for the next module."""
    inner.write(
        "test_1.py",
        """
import os

def test_kill(durable_stack):
    os.kill(durable_stack.pid, 9)
    os.waitid(os.P_PID, durable_stack.pid, os.WEXITED | os.WNOWAIT)
""",
    )
    inner.write(
        "test_2.py",
        "def test_again(operations):\n    operations.start_orchestrator('greeting', 'Ada').wait_for('Completed')\n",
    )
    outcome = inner.run(f"--app-dir={APP}")
    assert outcome.code == 0, outcome.output


def test_the_summary_separates_errors_from_failures(inner):
    """An error in set-up or teardown counts as one in the line of the stacks, as in pytest's own summary."""
    inner.write(
        "test_it.py",
        """
import pytest

@pytest.fixture
def broken(operations):
    raise RuntimeError("in set-up")

def test_one(broken): ...

def test_two(broken): ...

def test_fails(operations):
    assert False
""",
    )
    outcome = inner.run(f"--app-dir={APP}")
    assert outcome.code == 1, outcome.output
    assert "stacks: embedded 2 errors, embedded 1 failed" in outcome.output


def test_what_cannot_run_here_is_skipped_with_the_remedy(inner):
    """Without Docker, Core Tools, or on a stack that its marker leaves out, a test is skipped with the reason."""
    inner.write("test_it.py", ON_ITS_STACK)
    outcome = inner.run("--stack", "emulator,func,embedded", "--strict-markers", env=NO_DOCKER | {"PATH": "/nowhere"})
    assert (outcome.code, outcome.count("skipped"), len(outcome.cases)) == (0, 3, 3), outcome.output
    reason = outcome.skip_reason("test_on_its_stack[emulator]")
    assert "the emulator stack cannot run here: No Docker daemon answers" in reason
    assert "Start Docker" in reason
    assert "the func stack cannot run here: Azure Functions Core Tools" in outcome.skip_reason(
        "test_on_its_stack[func]"
    )
    assert "stacks: embedded 1 skipped, emulator 1 skipped, func 1 skipped" in outcome.output
    assert outcome.skip_reason("test_on_its_stack[embedded]") == (
        "does not run on the embedded stack, only on emulator, func, remote: it has no container"
    )


@pytest.mark.parametrize(("arguments", "env"), [((), {"CI": "true"}), (("--require-emulator",), {})])
def test_where_the_emulator_is_required_its_absence_fails(inner, arguments, env):
    """With CI=true or --require-emulator the same test fails, with the same reason."""
    inner.write("test_it.py", ON_ITS_STACK)
    outcome = inner.run("--stack", "emulator", f"--app-dir={APP}", *arguments, env=NO_DOCKER | env)
    assert outcome.code == 1
    assert "is required here and cannot run: No Docker daemon answers" in outcome.error("test_on_its_stack[emulator]")


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(("--stack", "emulator"), {"CI": "true"}), (("--require-emulator", "-n", "1"), {})],
    ids=["in CI", "asked for"],
)
def test_a_required_emulator_without_tests_fails_the_run(inner, arguments, env):
    """A run in which no test ran on the required emulator fails, although every test passed."""
    outcome = inner.write("test_it.py", NOTHING_DURABLE).run(*arguments, env=env)
    assert (outcome.code, outcome.count("failure")) == (1, 0)
    assert "No test ran on the emulator, which is required here." in outcome.output


def test_ci_alone_requires_nothing_of_others(inner):
    """CI=true does not fail the run of a project that does not ask for the emulator."""
    assert inner.write("test_it.py", NOTHING_DURABLE).run(env={"CI": "true"}).code == 0


def test_without_testcontainers_the_remedy_is_to_install_them(monkeypatch):
    """Where the packages for containers are not installed, the stack is unavailable and says what to install."""
    monkeypatch.setitem(sys.modules, "testcontainers.core.config", None)
    with (
        pytest.raises(StackUnavailableError, match=r'pip install "durable-harness\[emulator\]"'),
        open_stack("emulator", APP),
    ):
        pytest.fail("it started")


def test_no_socket_stays_open_where_no_docker_answers(monkeypatch, tmp_path):
    """Looking for Docker in vain leaves no socket, whose warning would fail a later test of who makes them errors."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    gc.collect()
    warned = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: warned.append(str(found.exc_value)))
    with pytest.raises(StackUnavailableError, match="No Docker daemon answers"), open_stack("emulator", APP):
        pytest.fail("it started")
    gc.collect()
    assert warned == []


def test_a_stack_of_another_name_is_refused():
    """A name that is no stack's is an error that lists those that are."""
    with pytest.raises(UsageError, match="got 'cloud', expected one of embedded, emulator, func, remote"):
        open_stack("cloud", APP)


def test_a_remote_stack_needs_a_url(inner):
    """Without a URL, and with one that does not answer, a test on a remote stack fails and says what to give."""
    inner.write("test_it.py", ON_ITS_STACK)
    outcome = inner.run("--stack", "remote")
    assert "stack remote needs the URL of the app: --stack-url https" in outcome.error("test_on_its_stack[remote]")
    assert "deployment.py" not in outcome.output  # the way through this project explains nothing
    outcome = inner.run("--stack", "remote", "--stack-url", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1 does not answer" in outcome.error("test_on_its_stack[remote]")


def test_the_first_answer_of_a_remote_stack_has_the_users_limit(inner):
    """A deployment that is silent is unreachable after `--operation-timeout`, which the error names."""
    inner.write("test_it.py", ON_ITS_STACK)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = inner.run("--stack", "remote", "--stack-url", url, "--operation-timeout", "0.3")
    error = outcome.error("test_on_its_stack[remote]")
    assert "does not answer: no whole answer in 0.3 s" in error or "does not answer: timed out" in error


@pytest.mark.thorough
def test_the_pattern_on_a_remote_stack(inner, pattern):
    """The pattern's tests pass on a deployment named by its URL that asks for a key; no report shows the key."""
    options = StackOptions(serve_args=("--enable-auth",))
    with open_stack("embedded", pattern.app_dir, options) as stack:
        arguments = ("--stack", "remote", "--stack-url", stack.base_url, "--stack-key", stack.function_key)
        outcome = inner.write("test_pattern.py", pattern.text).run(*arguments)
        assert outcome.code == 0, outcome.output
        assert (outcome.stacks(), len(outcome.cases)) == ({"remote"}, pattern.tests)
        failing = "def test_key(operations, durable_stack):\n    operations.start_orchestrator('nobody')\n"
        refused = inner.write("test_pattern.py", failing).run(*arguments)
    assert "400" in refused.failure("test_key[remote]")
    assert stack.function_key not in refused.output


def test_a_killed_worker_leaves_nothing_behind(inner, processes_of):
    """When an xdist worker is killed, its host ends and the controller removes its files; other tests continue."""
    inner.write(
        "test_kill.py",
        """
import os
import pytest

@pytest.mark.parametrize("number", range(4))
def test_kill(durable_stack, number):
    if number == 1:
        os.kill(os.getpid(), 9)
""",
    )
    outcome = inner.run(f"--app-dir={APP}", "-n", "2")
    assert (outcome.code, outcome.count("failure", "error")) == (1, 1), outcome.output
    assert "stacks: embedded 3 passed" in outcome.output
    assert "crashed" in outcome.output
    processes_of.wait_until_gone(inner.temporary)
    assert list(inner.temporary.iterdir()) == []


def test_an_interrupted_run_leaves_nothing_behind(inner, processes_of):
    """Ctrl-C in the middle of a test ends the host and removes the files."""
    inner.write("test_stop.py", STOP)
    assert inner.run(f"--app-dir={APP}").code == pytest.ExitCode.INTERRUPTED
    processes_of.wait_until_gone(inner.temporary)
    assert list(inner.temporary.iterdir()) == []
