"""Real `locust` processes against a server whose behaviour a test sets."""

import pytest
from http_caller import Caller
from locust_process import SCENARIOS, Locust, headless
from stub_server import StubServer
from wire_server import WireServer

from durable_harness.load.http import Reactor
from durable_harness.load.http.readiness import EpollReadiness, LoopReadiness
from durable_harness.network.free_ports import free_port


@pytest.fixture
def stub():
    """Yield a server of the pattern on a free port."""
    server = StubServer()
    yield server
    server.close()


@pytest.fixture
def start_locust(tmp_path):
    """Yield start_locust(*arguments): a locust process on the test scenarios, ended with the test at the latest."""
    started = []

    def start(*arguments, scenarios=SCENARIOS):
        process = Locust(["-f", str(scenarios), *arguments], tmp_path / "report", tmp_path)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.close()


@pytest.fixture
def locust(start_locust, stub):
    """Return locust(*arguments): a headless run of a dozen operations, or of some time, against the stub server."""

    def run(*arguments, run_time=None, scenario=None):
        ending = ["-t", run_time, scenario or "Quick"] if run_time else ["-t", "30s", scenario or "Few"]
        return start_locust(*headless(stub), *arguments, *ending).wait()

    return run


@pytest.fixture(scope="session")
def good_run(tmp_path_factory):
    """Return a run that went well and the server it ran against, shared by the tests that only look at it."""
    folder = tmp_path_factory.mktemp("good-run")
    server = StubServer()
    locust = Locust(["-f", str(SCENARIOS), *headless(server), "-t", "30s", "Few"], folder / "report", folder)
    outcome = locust.wait()
    server.close()
    return outcome, server


@pytest.fixture(params=[EpollReadiness, LoopReadiness])
def reactor(request):
    """Yield a reactor on each of the ways to wait."""
    made = Reactor(request.param())
    yield made
    made.close()


@pytest.fixture
def new_caller(reactor):
    """Yield new_caller(**options): a client that is closed with the test."""
    made = []

    def make(**options):
        made.append(Caller(reactor, **options))
        return made[-1]

    yield make
    for caller in made:
        caller.client.close()


@pytest.fixture
def caller(new_caller):
    """Return a client with default options."""
    return new_caller()


@pytest.fixture
def serve():
    """Yield serve(*scripts): a server whose connections run the scripts."""
    servers = []

    def start(*scripts, **options):
        servers.append(WireServer(*scripts, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def port():
    """Return a free port."""
    return free_port()


@pytest.fixture
def processes():
    """Return the arguments of a run by two worker processes, whose master listens on a free port."""
    port = str(free_port())
    return ["--processes", "2", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
