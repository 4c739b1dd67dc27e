"""How a run ends: its exit code, the last metrics, questions that a signal cuts short, and loose ends."""

from types import SimpleNamespace

import gevent
import pytest

from durable_harness.errors import PortInUseError
from durable_harness.load.http.stamps import receive_time
from durable_harness.load.lifecycle import web_port
from durable_harness.load.lifecycle.exit_code import RunExitCode
from durable_harness.load.lifecycle.web_port import check_web_port
from durable_harness.load.metrics import metrics_service
from durable_harness.load.metrics.metrics_service import MetricsOfRuns


@pytest.fixture
def inquiry(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.processes.inquiry")


@pytest.fixture
def environment():
    """Return Locust's environment as far as it has an exit code; its listeners are called by `quit`."""
    handlers = []
    quitting = SimpleNamespace(_handlers=handlers)
    return SimpleNamespace(process_exit_code=None, events=SimpleNamespace(quitting=quitting))


def test_the_code_of_the_verdict_is_set(environment):
    """Locust ends with it, and a new run forgets it."""
    code = RunExitCode(environment)
    code.decide(1, "FAILED")
    assert environment.process_exit_code == 1
    code.reset()
    assert environment.process_exit_code is None


def test_a_code_that_was_set_stays(environment):
    """What a user's listener decided before the verdict is not overridden; no verdict leaves it to Locust."""
    code = RunExitCode(environment)
    environment.process_exit_code = 7
    code.decide(1, "FAILED")
    assert environment.process_exit_code == 7
    code.reset()
    code.decide(None, "passed")
    assert environment.process_exit_code is None


@pytest.mark.parametrize("written", [None, 0])
def test_a_listener_cannot_hide_a_failure(environment, caplog, written):
    """A code of 0 that is set after the verdict is replaced, with a warning that says why."""
    RunExitCode(environment).decide(1, "FAILED: too slow")
    environment.process_exit_code = written
    environment.events.quitting._handlers[0]()
    assert environment.process_exit_code == 1
    assert "because the run is FAILED: too slow" in caplog.text


def test_the_last_metrics_are_sent():
    """A collector that takes them is not waited for; without one nothing happens."""
    sent = []
    MetricsOfRuns(SimpleNamespace(send=lambda: sent.append(1))).run_is_over()
    MetricsOfRuns(None).run_is_over()
    assert sent == [1]


def test_a_collector_that_hangs_does_not_hold_up_the_end(monkeypatch, caplog):
    """After a while the last metrics are given up with a warning."""
    monkeypatch.setattr(metrics_service, "LAST_SEND_S", 0.0)
    ended = []

    def send():
        try:
            gevent.event.Event().wait()
        finally:
            ended.append(1)

    monkeypatch.setattr(metrics_service.gevent, "spawn", lambda function: started(gevent.Greenlet(function)))
    MetricsOfRuns(SimpleNamespace(send=send)).run_is_over()
    assert ended == [1]
    assert "did not take the last metrics" in caplog.text


def started(greenlet):
    """Start a greenlet and let it run until it waits."""
    greenlet.start()
    gevent.sleep(0)
    return greenlet


def test_a_signal_cuts_a_question_short(inquiry):
    """The question ends without an answer, and the report has a note; what was answered before is returned."""
    made = object.__new__(inquiry.Inquiry)
    made._was_cut_short = gevent.event.Event()
    assert made._unless_cut_short(lambda: "answer") == "answer"
    assert made.describe_cut() is None
    made.cut_short()
    assert made._unless_cut_short(gevent.event.Event().wait) is None
    assert made.describe_cut() == inquiry.CUT_SHORT


@pytest.mark.parametrize("error", [OSError("no such address"), OverflowError("port must be 0-65535")])
def test_a_wrong_address_is_left_to_locust(monkeypatch, error):
    """Only a port in use is refused here; Locust names all else that is wrong with an address."""

    def lookup(*_args, **_options):
        asked.append(1)
        raise error

    asked = []
    monkeypatch.setattr(web_port.socket, "getaddrinfo", lookup)
    check_web_port("nowhere", 1)
    assert asked == [1]


def test_a_port_of_the_page_that_is_in_use():
    """The message names the option."""
    with web_port.socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"--web-port {port} is in use"):
            check_web_port("127.0.0.1", port)


def test_other_ancillary_data_is_no_stamp():
    """A message without a stamp of the expected size has no moment of its own."""
    assert receive_time([]) is None
    assert receive_time([(1, 2, b"short")]) is None
