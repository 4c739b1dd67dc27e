"""The room of platforms, as far as this one can show it: pauses, locks, ports, output, and the ends of processes."""

import errno
import os
import socket
import subprocess
import sys
from itertools import pairwise

import psutil
import pytest

from durable_harness.platforms import clocks, files, locks, open_file_limit, sockets
from durable_harness.platforms.children import ParentProcess, ask_to_end, end_with_children, in_own_group
from durable_harness.platforms.encodings import PLAIN
from durable_harness.platforms.pauses import Pause
from durable_harness.platforms.process_by_id import is_running

SLEEPING = [sys.executable, "-c", "import time; time.sleep(600)"]
STOPPED = psutil.STATUS_STOPPED


def waker_is_there(pid):
    """Return whether the process is there that pauses another one."""
    command = ["durable_harness.platforms.pauses", str(pid)]
    return any(command == one.info["cmdline"][2:4] for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"])


@pytest.fixture
def sleeper():
    """Yield a process that does nothing."""
    with subprocess.Popen(SLEEPING, **in_own_group()) as process:
        yield process
        process.kill()


def test_a_pause_lasts_until_it_is_ended(sleeper, wait_until):
    """A process stands still from about the moment at which the pause is there until it is ended."""
    pause = Pause(sleeper.pid, 600)
    wait_until(lambda: psutil.Process(sleeper.pid).status() == STOPPED, "it to stand still")
    pause.end()
    wait_until(lambda: psutil.Process(sleeper.pid).status() != STOPPED, "it to run")
    pause.end()


def test_a_pause_ends_by_itself(sleeper, wait_until):
    """A process is resumed when its time is up, whatever became of whoever paused it."""
    code = f"from durable_harness.platforms.pauses import Pause; Pause({sleeper.pid}, 0.5); import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    wait_until(lambda: psutil.Process(sleeper.pid).status() != STOPPED, "it to run")
    # As it stands still a little after it was asked to, that may have been before.
    wait_until(lambda: not waker_is_there(sleeper.pid), "whoever pauses it to have ended")
    assert psutil.Process(sleeper.pid).status() != STOPPED


def test_a_process_that_has_ended_is_not_paused(sleeper, capfd):
    """A pause of a process that is not there is an error that names it."""
    sleeper.kill()
    sleeper.wait()
    with pytest.raises(ProcessLookupError, match=f"process {sleeper.pid} could not be paused"):
        Pause(sleeper.pid, 1)
    assert capfd.readouterr().err == ""


def test_a_lock_is_had_by_one_file_at_a_time(tmp_path):
    """A lock is refused while another open file has it, and free when that is closed; the content is not touched."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("ab") as first, path.open("ab") as second:
        assert locks.try_lock(first)
        assert not locks.try_lock(second)
        first.close()
        locks.lock(second)
    assert path.read_bytes() == b"content"


def test_a_port_that_is_taken_is_recognized():
    """A port on which another socket listens cannot be bound, and the error is known for what it is."""
    with socket.socket() as first, socket.socket() as second:
        for sock in (first, second):
            sockets.have_port_alone(sock)
        first.bind(("127.0.0.1", 0))
        first.listen()
        with pytest.raises(OSError, match="in use") as taken:
            second.bind(first.getsockname())
        assert sockets.is_port_taken(taken.value)
        assert not sockets.is_port_taken(OSError(errno.EADDRNOTAVAIL, ""))


def test_a_child_is_asked_and_ends_in_order():
    """A child that is asked to end runs its own way out."""
    code = (
        "import time; import durable_harness.sigterm as s\nwith s.raised_as_interrupt():\n"
        " try: print(1, flush=True); time.sleep(600)\n"
        " except KeyboardInterrupt as e: raise SystemExit(s.exit_code_of(e))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **in_own_group()) as child:
        child.stdout.readline()
        ask_to_end(child)
        assert child.wait(30) == 143


def test_children_of_a_child_end_with_it(wait_until):
    """A process of a group of its own ends with what it has started, although that does not listen."""
    stubborn = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; print(1, flush=True)"
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {stubborn!r} + '; time.sleep(600)']).wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **in_own_group()) as child:
        child.stdout.readline()
        (grandchild,) = psutil.Process(child.pid).children()
        end_with_children(child, 5.0)
        wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, "its end")


def test_a_parent_is_there_until_it_has_ended(sleeper):
    """The process that started this one is there; one that did not is not this one's parent."""
    assert ParentProcess(os.getppid()).is_there()
    assert is_running(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert not ParentProcess(sleeper.pid).is_there()
    assert not is_running(sleeper.pid)


def test_open_files_are_allowed_as_far_as_the_system_goes():
    """What the system allows is reported, and what is below it is not lowered."""
    assert open_file_limit.allow_open_files(10) >= 10
    assert open_file_limit.allow_open_files(1 << 40) >= 10


def test_the_clock_for_latencies_is_fine():
    """Two readings of the clock are less than a millisecond apart in the finest case, on each platform."""
    readings = [clocks.monotonic() for _ in range(100_000)]
    steps = [after - before for before, after in pairwise(readings) if after > before]
    assert min(steps) < clocks.COARSE_S


def test_a_file_is_put_in_the_place_of_another(tmp_path):
    """A file takes the place of another one; an error that does not pass is raised."""
    source, target = tmp_path / "new", tmp_path / "old"
    source.write_text("new", encoding="utf-8")
    target.write_text("old", encoding="utf-8")
    files.put_in_place(source, target)
    assert target.read_text(encoding="utf-8") == "new"
    with pytest.raises(FileNotFoundError):
        files.put_in_place(source, target)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("order-1", "order-1"),
        ("a:b/c\\d*", "a_b_c_d_"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("ends.", "ends"),
        ("...", "_"),
        ("", "_"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_file_has_a_name_that_every_platform_allows(text, name):
    """What an instance calls itself becomes a name without what some platform refuses or keeps for itself."""
    assert files.plain_name(text) == name


def test_no_file_takes_the_place_of_another():
    """Texts that come to one name, or differ in their case alone, have names of their own."""
    assert list(files.different_names(["a:b", "a_b", "A_B", "c"])) == ["a_b", "a_b-2", "A_B-3", "c"]


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("ascii", "a ≤ b … c → d", b"a <= b ... c -> d"),
        ("cp1252", "≥ 1 ± 2 █ ü", b">= 1 \xb1 2 # \xfc"),
        ("ascii", "ü\U0001f600", b"\\xfc\\U0001f600"),
        ("utf-8", "≤ \ud800", "≤ \\ud800".encode()),
    ],
)
def test_what_an_encoding_lacks_is_written_plainly(encoding, text, written):
    """Output in a small encoding has plain text for our signs, and no character makes a command fail."""
    assert text.encode(encoding, PLAIN) == written


def test_output_to_a_pipe_of_windows_is_plain():
    """A command whose stdout is a pipe of cp1252 prints our signs in plain text, and stderr as well."""
    code = (
        "import sys; from durable_harness.output_streams import keep_output_unbroken; keep_output_unbroken();"
        " print('a ≤ b'); print('c ≤ d', file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"a <= b\n", b"c <= d\n")
