"""What a Locust process does before it is set up: errors of scenario files, missing packages, no listening port."""

import errno
import sys
from types import SimpleNamespace

import pytest

from durable_harness.errors import PortInUseError, UsageError
from durable_harness.load.lifecycle import startup


@pytest.fixture
def reported(monkeypatch):
    """Return reported(error): what the hook for uncaught errors does, in a Locust process, with an error of a file."""

    def run(error, function):
        otherwise = []
        monkeypatch.setattr(sys, "excepthook", lambda *args: otherwise.append(args[1]))
        monkeypatch.setitem(sys.modules, startup.LOCUST_COMMAND, sys)
        startup.report_scenario_errors()
        try:
            function("scenarios.py", error)
        except BaseException as raised:  # noqa: BLE001 - as Python's own hook
            sys.excepthook(type(raised), raised, raised.__traceback__)
        return otherwise

    return run


def load_locustfile(path, error):
    """Raise an error as Locust's function of this name does."""
    raise error


def elsewhere(path, error):
    """Raise an error at another place."""
    raise error


def test_an_error_of_a_scenario_file_ends_with_usage(reported, capsys):
    """It has one line with the file instead of a traceback, and the code for usage."""
    with pytest.raises(SystemExit) as ended:
        reported(ValueError("odd"), load_locustfile)
    assert ended.value.code == UsageError.exit_code
    assert capsys.readouterr().err.startswith("error: scenarios.py does not import: ValueError: odd")


@pytest.mark.parametrize(
    ("error", "function"), [(ValueError("odd"), elsewhere), (KeyboardInterrupt(), load_locustfile)]
)
def test_other_errors_are_reported_as_before(reported, error, function):
    """A bug of Locust or of ours keeps its traceback, and an interruption is no mistake of a file."""
    assert reported(error, function) == [error]


def test_outside_locust_the_hook_stays(monkeypatch):
    """Who imports the package in a process of their own keeps their hook."""
    monkeypatch.delitem(sys.modules, startup.LOCUST_COMMAND, raising=False)
    before = sys.excepthook
    startup.report_scenario_errors()
    assert sys.excepthook is before


@pytest.mark.parametrize("is_locust", [True, False])
def test_a_missing_package_names_the_extra(monkeypatch, capsys, is_locust):
    """The command locust ends with the code for usage and no traceback; elsewhere it is an import that fails."""
    if is_locust:
        monkeypatch.setitem(sys.modules, startup.LOCUST_COMMAND, sys)
    else:
        monkeypatch.delitem(sys.modules, startup.LOCUST_COMMAND, raising=False)
    with pytest.raises(SystemExit if is_locust else ImportError) as ended, startup.naming_load_extra():
        raise ModuleNotFoundError("No module named 'httptools'", name="httptools")
    text = capsys.readouterr().err if is_locust else str(ended.value)
    assert "durable-harness[load]" in text
    assert not is_locust or ended.value.code == UsageError.exit_code


class EndedError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("is_forked", [True, False])
def test_a_signal_at_the_start_ends_the_process(monkeypatch, is_forked):
    """The first process says that nothing was measured and ends its workers; a forked worker ends without a word."""
    done, texts = [], []

    def end(code):
        raise EndedError(code)

    fake = SimpleNamespace(getpid=lambda: 2, _exit=end, write=lambda _, text: texts.append(text.decode()))
    monkeypatch.setattr(startup, "os", fake)
    monkeypatch.setattr(startup, "_first_pids", [1 if is_forked else 2])
    monkeypatch.setattr(startup, "end_forked_workers", lambda: done.append("workers"))
    monkeypatch.setattr(startup.signal, "signal", lambda *_: None)
    with pytest.raises(EndedError) as ended:
        startup._exit(2, None)
    if is_forked:
        assert (ended.value.args, done, texts) == ((startup.FORKED_WORKER_CODE,), [], [])
    else:
        assert (ended.value.args, done) == ((startup.INTERRUPTED,), ["workers"])
        assert texts == [f"locust: {startup.NOTHING_MEASURED}\n"]


@pytest.fixture
def listening(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.distributed.listening")


@pytest.fixture
def guarded(listening, monkeypatch):
    """Return guarded(*failures): a master's socket that fails to listen as often as failures are given."""

    def make(*failures):
        left = list(failures)

        def listen(_self, _host, _port):
            if left and (cause := left.pop(0)) is not None:
                try:
                    raise cause
                except OSError:
                    raise listening.RPCError("cannot bind")  # noqa: B904 - as Locust does

        monkeypatch.setattr(listening.zmqrpc.Server, "__init__", listen)
        monkeypatch.setattr(listening, "end_forked_workers", lambda: None)
        listening.guard_listening()
        return listening.zmqrpc.Server

    return make


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.EADDRINUSE, PortInUseError.exit_code, "--master-bind-port 5557 is in use"),
        (errno.EADDRNOTAVAIL, UsageError.exit_code, "--master-bind-host 192.0.2.1, --master-bind-port 5557: cannot"),
    ],
)
def test_a_master_that_cannot_listen_ends(guarded, capsys, number, code, words):
    """A port in use and an address of another machine each have a message and an exit code of their own."""
    with pytest.raises(SystemExit) as ended:
        guarded(OSError(number, "no"))("192.0.2.1", 5557)
    assert ended.value.code == code
    assert words in capsys.readouterr().err


def test_a_socket_made_again_may_fail(guarded, listening):
    """Locust makes its socket again after errors and handles that it cannot: the error is passed on."""
    server = guarded(None, OSError(errno.EADDRINUSE, "no"))
    server("127.0.0.1", 5557)
    with pytest.raises(listening.RPCError):
        server("127.0.0.1", 5557)


def test_the_socket_is_guarded_once(guarded, listening):
    """Installing again leaves the guard as it is."""
    before = guarded().__init__
    listening.guard_listening()
    assert listening.zmqrpc.Server.__init__ is before


def test_all_processes_of_a_run_have_one_port(listening):
    """Without a named port a free one is kept for all; a named port holds for master and workers."""
    free, again, named = (
        SimpleNamespace(
            processes=2,
            worker=False,
            master_bind_port=listening.DefaultPort(5557),
            master_port=listening.DefaultPort(5557),
        )
        for _ in range(3)
    )
    chosen = listening.Listening()
    chosen.choose(free)
    chosen.choose(again)
    assert free.master_bind_port == free.master_port == again.master_port
    named.master_port = 7000
    listening.Listening().choose(named)
    assert (named.master_bind_port, named.master_port) == (7000, 7000)
    alone = SimpleNamespace(processes=None, worker=False, master_bind_port=1, master_port=2)
    listening.Listening().choose(alone)
    assert (alone.master_bind_port, alone.master_port) == (1, 2)
