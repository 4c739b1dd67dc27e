"""The stacks whose scheduler is an emulator in a container: really launched, shared, removed. They need Docker."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.errors import StackUnavailableError, UnreachableError
from durable_harness.stack import StackOptions, emulator, open_stack

APP = Path(__file__).parent / "app"
KILL = """
import os
import pytest

@pytest.mark.parametrize("number", range(6))
def test_kill(operations, number):
    if number == 1:
        os.kill(os.getpid(), 9)
    operations.start_orchestrator("greeting", "Ada").wait_for("Completed")
"""
FAKE_FUNC = """#!{python}
import os, sys
os.environ["DURABLE_HARNESS_SCHEDULER"] = "settings"
os.execv(sys.executable, [sys.executable, "-m", "durable_harness", "func", *sys.argv[1:]])
"""
KILLED_OWNER = """
import os
from durable_harness.stack.emulator import start_emulator

start_emulator("orphan")
os.kill(os.getpid(), 9)
"""

pytestmark = pytest.mark.usefixtures("docker")


def containers_of(docker, label, value):
    """Return the ids of the containers with a label."""
    return [container.id for container in docker.containers.list(all=True, filters={"label": f"{label}={value}"})]


def owned_by(docker, pid):
    """Return the ids of the containers that a process of this machine answers for."""
    return containers_of(docker, emulator.OWNER_LABEL, f"{socket.gethostname()}:{pid}")


@pytest.mark.parametrize("arguments", [("-n", "2"), ("-p", "no:xdist")], ids=["parallel", "alone"])
def test_the_pattern_on_the_emulator(inner, docker, pattern, processes_of, arguments):
    """The pattern's tests pass on the emulator, started once for the run and gone with it."""
    outcome = inner.write("test_pattern.py", pattern.text).run(
        "--stack", "emulator", "--require-emulator", f"--app-dir={pattern.app_dir}", *arguments
    )
    assert outcome.code == 0, outcome.output
    assert (outcome.stacks(), len(outcome.cases), outcome.count("skipped")) == ({"emulator"}, pattern.tests, 0)
    assert owned_by(docker, inner.pid) == []
    processes_of.wait_until_gone(inner.temporary)
    assert list(inner.temporary.iterdir()) == []


def test_one_container_and_a_hub_for_each_module(inner, docker):
    """All workers share one container; each module has a task hub of its own, and the dashboard's page of it."""
    body = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(2))
def test_note(operations, durable_stack, number):
    operations.start_orchestrator("greeting", "Ada").wait_for("Completed")
    words = (durable_stack.scheduler_address, durable_stack.task_hub, durable_stack.dashboard_url)
    Path(f"note-{durable_stack.task_hub}").write_text(" ".join(words))
"""
    inner.write("test_first.py", body).write("test_second.py", body)
    outcome = inner.run("--stack", "emulator", f"--app-dir={APP}", "-n", "2", "--dist", "loadfile")
    assert outcome.code == 0, outcome.output
    notes = [file.read_text().split() for file in inner.folder.glob("note-*")]
    addresses, hubs, pages = ({note[part] for note in notes} for part in range(3))
    assert (len(addresses), len(hubs)) == (1, 2)
    assert {hub.split("-gw")[0] for hub in hubs} == {"test-first", "test-second"}
    assert all(page.endswith(f"/taskhubs/{hub}/orchestrations") for _, hub, page in notes), pages


def test_a_killed_worker_leaves_no_container(inner, docker, processes_of):
    """A worker killed with -9, be it the one that started the container, leaves no container, process or file."""
    outcome = inner.write("test_kill.py", KILL).run("--stack", "emulator", f"--app-dir={APP}", "-n", "2")
    assert outcome.code == 1
    assert outcome.count("failure", "error") == 1, outcome.output
    assert owned_by(docker, inner.pid) == []
    processes_of.wait_until_gone(inner.temporary)
    assert list(inner.temporary.iterdir()) == []


def test_a_killed_controller_is_swept_after(docker):
    """What a killed run could not remove is removed by the next start on this machine."""
    with subprocess.Popen([sys.executable, "-c", KILLED_OWNER]) as killed:
        assert killed.wait() == -signal.SIGKILL
    assert len(owned_by(docker, killed.pid)) == 1
    emulator._sweep(docker)
    assert owned_by(docker, killed.pid) == []


def test_a_report_links_to_the_dashboard(inner):
    """On the emulator a failure's report ends with the dashboard's page of the hub."""
    inner.write("test_it.py", "def test_stuck(operations):\n    operations.start_orchestrator('approval').wait(0.2)\n")
    outcome = inner.run("--stack", "emulator", f"--app-dir={APP}")
    assert "dashboard: http://" in outcome.failure("test_stuck[emulator]")
    assert "waits for external event" in outcome.failure("test_stuck[emulator]")


def test_core_tools_run_on_the_emulator(inner, docker, pattern, processes_of, tmp_path):
    """`func start` gets the emulator by the app's own setting and ends with its worker, however that ends."""
    func = tmp_path / "bin" / "func"
    func.parent.mkdir()
    func.write_text(FAKE_FUNC.format(python=sys.executable))
    func.chmod(func.stat().st_mode | stat.S_IXUSR)
    env = {"PATH": f"{func.parent}{os.pathsep}{os.environ['PATH']}"}
    outcome = inner.write("test_pattern.py", pattern.text).run(
        "--stack", "func", f"--app-dir={pattern.app_dir}", env=env
    )
    assert outcome.code == 0, outcome.output
    assert (outcome.stacks(), len(outcome.cases)) == ({"func"}, pattern.tests)
    killed = inner.write("test_pattern.py", KILL).run("--stack", "func", f"--app-dir={APP}", "-n", "1", env=env)
    assert killed.count("failure", "error") == 1, killed.output
    processes_of.wait_until_gone(func.parent, inner.temporary)
    assert owned_by(docker, inner.pid) == []


def test_an_image_that_is_not_there_is_unavailable(monkeypatch):
    """An image that cannot be had makes the stack unavailable, and the message names the remedy."""
    monkeypatch.setenv(emulator.IMAGE_VARIABLE, "localhost:1/nobody/has-this:1")
    with (
        pytest.raises(StackUnavailableError, match=r"docker pull localhost:1/nobody/has-this:1"),
        open_stack("emulator", APP),
    ):
        pytest.fail("it started")


def test_a_hub_that_is_late_shows_the_containers_log(docker):
    """An emulator that does not answer is reported with the end of its log, and removed."""
    started = emulator.start_emulator("not-ready")
    try:
        emulator.wait_for_hub(started, "h")
        deaf = emulator.Emulator(
            started.grpc_address, "http://127.0.0.1:1", started.dashboard_url, started.container_id
        )
        with pytest.raises(UnreachableError, match=r"(?s)task hub 'h' was not ready in time: GET .*refused.*gRPC"):
            emulator.wait_for_hub(deaf, "h", timeout_s=0.2)
        dumb = emulator.Emulator("127.0.0.1:1", started.http_url, started.dashboard_url, started.container_id)
        with pytest.raises(UnreachableError, match="Hello: UNAVAILABLE"):
            emulator.wait_for_hub(dumb, "h", timeout_s=0.2)
    finally:
        emulator.remove_emulators("not-ready")
    assert containers_of(docker, emulator.RUN_LABEL, "not-ready") == []


def test_a_stack_of_its_own_removes_its_container(docker):
    """Opened outside a test run, the stack starts an emulator for itself and takes it along, also after an error."""
    with contextlib.suppress(ZeroDivisionError), open_stack("emulator", APP, StackOptions(task_hub="mine")) as stack:
        assert (stack.task_hub, len(owned_by(docker, os.getpid()))) == ("mine", 1)
        raise ZeroDivisionError
    assert owned_by(docker, os.getpid()) == []
