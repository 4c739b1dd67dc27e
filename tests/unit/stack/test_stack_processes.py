"""Processes of a stack: how long they run, how their start is waited for, where a debugger attaches."""

import asyncio
import contextlib
import io
import os
from types import SimpleNamespace

import pytest

from durable_harness.errors import HarnessError, PortInUseError, UnreachableError, UsageError
from durable_harness.stack import app_replays, core_tools, debugger, emulator, lifetime, processes
from durable_harness.stack.debugger import DebuggerPort, listen_for_debugger
from durable_harness.stack.lifetime import Lifetime, StartInterrupted


def test_a_stop_gives_up_a_start():
    """A start that waits for something is cancelled by a stop, once; a service that has started is not."""

    async def starting(has_started):
        life = Lifetime()
        if has_started:
            life.has_started()
        life.stop()
        life.stop()
        await life.over()
        await asyncio.sleep(0)
        return life.is_over

    assert asyncio.run(starting(has_started=True))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(starting(has_started=False))


def test_the_first_signal_interrupts_a_block(monkeypatch):
    """A signal ends a block that holds up the event loop; if the block swallows that, the next one ends the process."""
    codes = []

    def leave(code):
        codes.append(code)
        raise SystemExit

    async def in_block():
        life = Lifetime()
        with pytest.raises(StartInterrupted):
            life._on_signal_in_block(15, None)
        assert (life.is_over, codes) == (True, [])
        with pytest.raises(SystemExit):
            life._on_signal_in_block(15, None)

    monkeypatch.setattr(os, "_exit", leave)
    asyncio.run(in_block())
    assert codes == [128 + 15]


@pytest.fixture
def run(monkeypatch):
    """Runs a service without the signals of this process."""
    monkeypatch.setattr(lifetime, "call_when_asked_to_end", lambda *_: None)
    monkeypatch.setattr(lifetime.gc, "freeze", lambda: None)

    def run(service):
        asyncio.run(lifetime._run(contextlib.asynccontextmanager(service), None, lambda: None))

    return run


def test_a_service_ends_with_its_first_error(run):
    """The error of a service is raised once it has stopped; a later one does not take its place."""
    events = []

    async def service(life):
        life.fail(HarnessError("first"))
        life.fail(HarnessError("second"))
        yield
        events.append("stopped")

    with pytest.raises(HarnessError, match="first"):
        run(service)
    assert events == ["stopped"]


def test_a_start_that_was_stopped_is_no_error(run):
    """A service that is stopped while it starts ends without an error; another cancellation is passed on."""

    async def stopped(life):
        life.stop()
        await asyncio.Event().wait()
        yield

    async def cancelled(_life):
        raise asyncio.CancelledError
        yield

    run(stopped)
    with pytest.raises(asyncio.CancelledError):
        run(cancelled)


def test_a_ready_file_that_cannot_be_written_is_an_error(tmp_path):
    """The error names the option, and nothing unfinished is left."""
    with pytest.raises(UsageError, match=r"--ready-file .*: the file cannot be written: "):
        lifetime.write_ready_file(tmp_path / "gone" / "ready.json", {})
    lifetime.write_ready_file(None, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b'{"state": "Running"}', True), (b'{"state": "Starting"}', False), (b"<html>", False), (None, False)],
)
def test_core_tools_run_once_they_say_so(monkeypatch, answer, expected):
    """Only the state Running counts; another one, no JSON and no answer do not."""

    def open_(_url, timeout):
        assert timeout
        if answer is None:
            raise ConnectionRefusedError
        return io.BytesIO(answer)

    monkeypatch.setattr(core_tools.urllib.request, "build_opener", lambda *_: SimpleNamespace(open=open_))
    assert core_tools._says_running("http://localhost:1") == expected


@pytest.mark.parametrize(
    ("exit_code", "message"), [(1, "^func start ended:\nlast line$"), (None, "^func start was not ready after 0 s:")]
)
def test_core_tools_that_do_not_start_show_their_log(monkeypatch, tmp_path, exit_code, message):
    """A start that ended, or takes too long, is an error with the end of the log."""
    log = tmp_path / "log"
    log.write_text("last line")
    monkeypatch.setattr(core_tools, "READY_TIMEOUT_S", 0.0)
    monkeypatch.setattr(core_tools, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(core_tools, "_says_running", lambda _url: False)
    with pytest.raises(UnreachableError, match=message):
        core_tools._wait_until_running("http://localhost:1", SimpleNamespace(poll=lambda: exit_code), log)


def test_core_tools_are_asked_until_they_run(monkeypatch, tmp_path):
    """A host that is not ready yet is asked again."""
    states = [False, False, True]
    monkeypatch.setattr(core_tools, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(core_tools, "_says_running", lambda _url: states.pop(0))
    core_tools._wait_until_running("http://localhost:1", SimpleNamespace(poll=lambda: None), tmp_path)
    assert states == []


@pytest.fixture
def debugpy(monkeypatch):
    """A debugger that listens where it is asked to, and notes what it does."""
    done = []
    fake = SimpleNamespace(
        done=done,
        listen=lambda address: done.append("listen") or (address[0], 5678),
        wait_for_client=lambda: done.append("wait"),
    )
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setattr(debugger, "has_debugger", lambda: False)
    monkeypatch.setattr(debugger, "_imported", lambda: fake)
    monkeypatch.setattr(debugger, "LOOK_INTERVAL_S", 0.0)
    return fake


@pytest.mark.parametrize(("waits", "done"), [(False, ["listen"]), (True, ["listen", "wait"])])
def test_the_port_of_a_debugger_is_announced(debugpy, capsys, waits, done):
    """The line has the port that was free, and whether the app waits for a debugger."""
    listen_for_debugger(DebuggerPort(0, is_waited_for=waits))
    printed = "".join(capsys.readouterr())
    assert "attach to 127.0.0.1:5678" in printed
    assert ("waiting for it" in printed) == waits
    assert debugpy.done == done


def test_a_debugger_that_is_there_needs_no_port(debugpy, monkeypatch):
    """A process that a debugger has started does not listen for another one."""
    monkeypatch.setattr(debugger, "has_debugger", lambda: True)
    listen_for_debugger(DebuggerPort(0))
    assert debugpy.done == []


def test_a_port_that_is_taken_is_an_error(debugpy):
    """The error names the option, the port and what else to do."""

    def listen(_address):
        raise RuntimeError("in use")

    debugpy.listen = listen
    with pytest.raises(PortInUseError, match=r"--debug: cannot listen on port 5 .*in use\. Choose another, or 0"):
        listen_for_debugger(DebuggerPort(5))


@pytest.mark.parametrize("is_left", [True, False])
def test_a_port_is_taken_over_once_it_is_free(debugpy, monkeypatch, is_left):
    """The debugger of the process before has the port for a while; one that stays is not waited for forever."""
    tries = []

    def bind(_address, number):
        tries.append(number)
        if not is_left or len(tries) < 3:
            raise PortInUseError("taken")
        return io.BytesIO()

    monkeypatch.setattr(debugger, "bind_one", bind)
    monkeypatch.setattr(debugger, "LEAVING_S", 60.0 if is_left else 0.01)
    listen_for_debugger(DebuggerPort(5, is_handed_on=True))
    assert debugpy.done == ["listen"]
    assert len(tries) == 3 if is_left else len(tries) >= 1


class Command:
    """A command whose start fails with these errors in turn."""

    def __init__(self, errors):
        self.errors = errors
        self.was_stopped = False

    def start(self):
        if self.errors:
            raise self.errors.pop(0)

    def stop(self):
        self.was_stopped = True


def started(errors, ports=("--port",)):
    """Start a command on ports; return it, and the words of each try."""
    words, command = [], Command(list(errors))

    def make(given):
        words.append(given)
        return command

    return processes.started_on_ports(make, ports), words


def test_ports_that_others_took_are_tried_again():
    """Between the choice of a free port and the start another process may take it."""
    _, words = started([PortInUseError("taken")])
    assert [len(one) for one in words] == [2, 2]
    with pytest.raises(PortInUseError, match="No free ports were found in"):
        started([PortInUseError("taken")] * processes.PORT_TRIES)


def test_a_port_that_was_asked_for_is_tried_once():
    """A command without ports of its own fails with the port that its options name."""
    with pytest.raises(PortInUseError, match="taken"):
        started([PortInUseError("taken")], ())


def test_a_command_that_cannot_start_is_stopped():
    """Whatever ends the start, no child is left."""
    command = Command([KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        processes.started_on_ports(lambda _words: command, ["--port"])
    assert command.was_stopped


def test_a_command_that_was_never_started_has_no_end(tmp_path):
    """It has no exit code, and can be killed and stopped."""
    command = processes.CommandProcess("python", ["serve"], None, tmp_path, {})
    command.kill()
    command.stop()
    assert command.exit_code() is None


@pytest.mark.parametrize(
    ("exit_code", "error", "message"),
    [
        (PortInUseError.exit_code, PortInUseError, "the port is taken"),
        (99, HarnessError, "the port is taken"),
        (None, UnreachableError, "It was not ready after 0.02 s"),
    ],
)
def test_a_child_that_does_not_become_ready_is_an_error(monkeypatch, tmp_path, exit_code, error, message):
    """The error is that of the exit code, with the reason in the log; a child that takes too long is unreachable."""
    log = tmp_path / "log"
    log.write_text("error: the port is taken")
    monkeypatch.setattr(processes, "READY_TIMEOUT_S", 0.02)
    monkeypatch.setattr(processes, "has_debugger", lambda: False)
    child = SimpleNamespace(poll=lambda: exit_code, returncode=exit_code)
    with pytest.raises(error, match=message) as failed:
        processes._wait_until_ready(child, tmp_path / "ready.json", log)
    assert type(failed.value) is error


@pytest.mark.parametrize(("polls", "deeds"), [([0], []), ([None, 0], ["ask"]), ([None], ["ask", "kill"])])
def test_a_child_is_asked_to_end_before_it_is_killed(monkeypatch, polls, deeds):
    """A child that has ended is left alone; one that does not follow the request is killed."""
    done = []
    left = list(polls)
    child = SimpleNamespace(
        poll=lambda: left.pop(0) if len(left) > 1 else left[0], kill=lambda: done.append("kill"), wait=lambda: None
    )
    monkeypatch.setattr(processes, "ask_to_end", lambda _child: done.append("ask"))
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.01)
    monkeypatch.setattr(processes, "POLL_INTERVAL_S", 0.0)
    processes.stop_process(child)
    assert done == deeds


def test_an_emulator_that_is_not_ready_shows_its_log(monkeypatch):
    """The hub is asked again until it answers, or the time is up: then the error has the reason and the log."""
    monkeypatch.setattr(emulator, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(emulator, "_log_of", lambda _emulator: "last line")
    known = SimpleNamespace(container_id="c" * 64)
    problems = ["refused", None]
    emulator._wait(float("inf"), lambda: problems.pop(0), known, "hub")
    with pytest.raises(UnreachableError, match=r"(?s)task hub 'hub' was not ready in time: refused.*last line"):
        emulator._wait(0.0, lambda: "refused", known, "hub")


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ('hello {\n{"counts": {}, "histories": [{"result": "ok"}]}\nbye', {"result": "ok"}),
        ('{"counts": {}, "histories": []}', None),
        ('{"a": 1}\n{', None),
        ("", None),
    ],
)
def test_the_result_of_a_replay_is_found_in_its_output(output, found):
    """The app may print before and after the only history's result, also braces."""
    assert app_replays._result_in(output) == found
