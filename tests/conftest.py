"""Running apps for the tests: one process per app and worker, a client for it, and waits that explain themselves."""

import functools
import json
import os
import signal
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import psutil
import pytest
import requests
from requests.adapters import HTTPAdapter

from durable_harness.stack import embedded_stack
from durable_harness.wording import foreign_text
from platform_names import lacking_for_test, lacking_on_windows
from sdk_generation import NEEDS_OTHER_SDK, OTHER_SDK, SDK
from warm_start import WarmStarter

# The suite starts hundreds of processes: where Python may keep no compiled code, each would compile all of it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Where the suite was started in the background it ignores Ctrl-C, and so would the processes that tests press it for.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

REPOSITORY = Path(__file__).parents[1]
APPS = Path(__file__).parent / "apps"
WEBHOOKS = "/runtime/webhooks/durabletask"
TERMINAL = frozenset({"Completed", "Failed", "Terminated", "Canceled"})
POLL_S = 0.01
DEADLINE_S = 20.0
REQUEST_TIMEOUT_S = 30.0
CONNECTIONS = 32
LOG_TAIL_LINES = 60
ABSENT = object()


def pytest_addoption(parser):
    parser.addoption("--thorough", action="store_true", help="also run the tests marked thorough, which take minutes")


def pytest_configure(config):
    if getattr(config.option, "dist", None) == "load":
        # A worker that has nothing left to do takes over from another: the suite's slow tests are not evenly spread.
        config.option.dist = "worksteal"
    config.addinivalue_line("markers", "sdk1: is about azure-functions-durable 1.x; skipped where 2.x is installed")
    config.addinivalue_line("markers", "sdk2: is about azure-functions-durable 2.x; skipped where 1.x is installed")
    config.addinivalue_line("markers", "thorough: takes long; runs with --thorough, with -m, or if its file is named")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Make `-n auto` two workers for a core: half of the time a test waits for the processes that it started."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else 2 * (os.cpu_count() or 1)


def pytest_report_header(config):
    return None if _runs_thorough_tests(config) else "without the thorough tests (--thorough adds them)"


def pytest_collection_modifyitems(config, items):
    """Leave the thorough tests out of a run of everything, and skip what the installed SDK is too old or new for."""
    for item in items:
        if item.get_closest_marker(OTHER_SDK):
            item.add_marker(pytest.mark.skip(reason=NEEDS_OTHER_SDK))
    if sys.platform == "win32":
        skip_what_windows_lacks(items)
    if not _runs_thorough_tests(config):
        kept = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("thorough")])
        items[:] = kept


def pytest_ignore_collect(collection_path):
    """Leave a file out on Windows that cannot even be imported there."""
    if sys.platform != "win32" or not collection_path.match("test_*.py"):
        return None
    return any("." not in name for _, name in lacking_on_windows(collection_path)) or None


def skip_what_windows_lacks(items):
    """Skip each test that uses a name which Windows does not have, saying which."""
    for item in items:
        if lacking := lacking_for_test(item.path, item.function.__name__):
            reason = f"uses {', '.join(lacking)}, which Windows does not have: run it on Linux or macOS"
            item.add_marker(pytest.mark.skip(reason=reason))


def _runs_thorough_tests(config):
    named_a_file = any(".py" in argument for argument in config.args)
    return config.getoption("--thorough") or config.getoption("-m") or named_a_file


def wait_until(predicate, what, deadline_s=DEADLINE_S):
    """Return the predicate's first truthy value; past the deadline, fail saying what was awaited and what came last."""
    give_up_at = time.monotonic() + deadline_s
    while not (seen := predicate()):
        if time.monotonic() > give_up_at:
            pytest.fail(f"waited {deadline_s:g} s for {what}; the last look gave {seen!r}")
        time.sleep(POLL_S)
    return seen


class HostClient:
    """Speaks HTTP with one running host, as callers of the durable HTTP API do."""

    def __init__(self, stack):
        self.stack = stack
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))

    def request(self, method, url, **options):
        """Send one request; a URL that begins with a slash is relative to the host."""
        absolute = f"{self.stack.base_url}{url}" if url.startswith("/") else url
        return self.session.request(method, absolute, **{"timeout": REQUEST_TIMEOUT_S, **options})

    get = functools.partialmethod(request, "GET")
    post = functools.partialmethod(request, "POST")
    delete = functools.partialmethod(request, "DELETE")

    def start(self, orchestrator, value=ABSENT, instance_id=None, **query):
        """Start through the public webhook; the value travels as plain JSON. Returns the instance id."""
        path = f"{WEBHOOKS}/orchestrators/{orchestrator}" + (f"/{instance_id}" if instance_id else "")
        return self._started(self.post(path, params=query, **_json_body(value)))

    def sdk_start(self, orchestrator, value=ABSENT, instance_id=None, **query):
        """Start through the app's start/{name} function, that is by the SDK's start_new. Returns the instance id."""
        query |= {"id": instance_id} if instance_id else {}
        return self._started(self.post(f"/api/start/{orchestrator}", params=query, **_json_body(value)))

    def run(self, orchestrator, value=ABSENT, instance_id=None, **query):
        """Start by the SDK, wait for the end, return the terminal status."""
        return self.wait_terminal(self.sdk_start(orchestrator, value, instance_id, **query))

    def output_of(self, orchestrator, value=ABSENT, instance_id=None, **query):
        """Start by the SDK, wait for the end, return the output of what must have completed."""
        status = self.run(orchestrator, value, instance_id, **query)
        assert status["runtimeStatus"] == "Completed", status
        return status["output"]

    def status(self, instance_id, **query):
        """Return the status object of an instance, or None when the host knows none."""
        response = self.get(f"{WEBHOOKS}/instances/{instance_id}", params=query)
        assert response.status_code in {200, 202, 404}, response.text
        return None if response.status_code == 404 else response.json()

    def wait_for(self, instance_id, *states, deadline_s=DEADLINE_S):
        """Wait until an instance is in one of the states; return its status object."""
        seen = {}

        def reached():
            seen.update(self.status(instance_id) or {"runtimeStatus": None})
            return seen["runtimeStatus"] in states

        try:
            wait_until(reached, f"instance {instance_id} to be {' or '.join(states)}", deadline_s)
        except pytest.fail.Exception as failure:
            pytest.fail(f"{failure.msg}; its status is {seen}")
        return seen

    def wait_terminal(self, instance_id, deadline_s=DEADLINE_S):
        """Wait until an instance has ended, however it ended; return its status object."""
        return self.wait_for(instance_id, *sorted(TERMINAL), deadline_s=deadline_s)

    def operate(self, instance_id, operation, **query):
        """POST an operation of the webhook API (suspend, terminate, …); return the response."""
        return self.post(f"{WEBHOOKS}/instances/{instance_id}/{operation}", params=query)

    def raise_event(self, instance_id, event, value):
        """Raise an event through the public webhook; the value travels as plain JSON."""
        response = self.post(f"{WEBHOOKS}/instances/{instance_id}/raiseEvent/{event}", **_json_body(value))
        assert response.status_code == 202, response.text

    def statuses(self, **query):
        """List status objects, following the continuation token to the last page."""
        found, headers = [], {}
        while True:
            page = self.get(f"{WEBHOOKS}/instances", params=query, headers=headers)
            assert page.status_code == 200, page.text
            found += page.json()
            token = page.headers.get("x-ms-continuation-token")
            if not token:
                return found
            headers = {"x-ms-continuation-token": token}

    @staticmethod
    def _started(response):
        assert response.status_code == 202, f"start answered {response.status_code}: {response.text}"
        return response.json()["id"]


def _json_body(value):
    """Return the arguments that send a value as JSON, null included, or nothing at all when there is no value."""
    if value is ABSENT:
        return {}
    return {"data": json.dumps(value).encode(), "headers": {"Content-Type": "application/json"}}


class RunningApps:
    """The apps this worker runs: started when first asked for, again if they have died, stopped with the session."""

    def __init__(self, log_dir):
        self._log_dir = log_dir
        self._exits = ExitStack()
        self._clients = {}
        self._started = 0

    def __call__(self, app_dir, serve_args=()):
        """Return the client of a running app, starting the app if it does not run: one crash fails one test."""
        key = (Path(app_dir), tuple(serve_args))
        if key not in self._clients or _has_ended(self._clients[key].stack.pid):
            self._clients[key] = self._start(*key)
        return self._clients[key]

    def _start(self, app_dir, serve_args):
        self._started += 1
        log_path = self._log_dir / f"{app_dir.name}-{self._started}.log"
        stack = self._exits.enter_context(embedded_stack(app_dir, log_path=log_path, serve_args=serve_args))
        client = HostClient(stack)
        self._exits.callback(client.session.close)
        return client

    def stop(self):
        """Stop every app."""
        self._exits.close()


def _has_ended(pid):
    """Return whether a child process has ended, without taking its exit code from the process that started it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(autouse=True)
def _secrets_of_one_test(monkeypatch):
    """What a test hides is shown again in the next one, which may use the same word for something else."""
    monkeypatch.setattr(foreign_text.SECRETS, "writings", foreign_text.SECRETS.writings)


ENVIRONMENT = dict(os.environ)
"""As it was before any test module was imported."""


def pytest_collection_finish():
    """Refuse a test module that changes the environment when it is imported: all processes of all tests get that."""
    changed = {name for name, _ in ENVIRONMENT.items() ^ os.environ.items() if not name.startswith("PYTEST_")}
    if changed:
        raise pytest.UsageError(f"the import of a test module changed the environment: {', '.join(sorted(changed))}")


@pytest.fixture(autouse=True)
def same_environment():
    """Take back what a test has put into the environment: commands that run in this process export settings of apps."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if not name.startswith("PYTEST_")})


@pytest.fixture(scope="session")
def warm_starter():
    """Yield the start of `durable-harness` processes that need not import everything first."""
    starter = WarmStarter()
    yield starter
    starter.close()


@pytest.fixture(scope="session")
def running_apps(tmp_path_factory):
    """Yield the running apps of this worker: call it with an app's directory to get that app's client."""
    apps = RunningApps(tmp_path_factory.mktemp("host-logs"))
    yield apps
    apps.stop()


@pytest.fixture
def client_of():
    """Yield the making of clients for stacks that a test starts itself; their connections are closed at its end."""
    with ExitStack() as exits:

        def make(stack):
            client = HostClient(stack)
            exits.callback(client.session.close)
            return client

        yield make


@pytest.fixture(scope="session")
def sdk_generation():
    """Return the generation of the SDK: what its client sends is JSON within JSON in 1.x, and plain JSON in 2.x."""
    return SDK


@pytest.fixture
def features(running_apps):
    """Return the client of the app that has every feature of the SDK."""
    return running_apps(APPS / "features")


@pytest.fixture
def native(running_apps):
    """Return the client of the app that is written for SDK 2.x."""
    return running_apps(APPS / "native")


@pytest.fixture
def conformance(running_apps):
    """Return the client of the app that the HTTP conformance checks describe."""
    return running_apps(APPS / "conformance")


@pytest.fixture
def conformance_dir():
    """Return the directory of that app, to serve it in another way."""
    return APPS / "conformance"


@pytest.fixture
def throttled(running_apps):
    """Return the client of the app whose host.json allows one outstanding request."""
    return running_apps(APPS / "throttled")


@pytest.fixture
def sample(running_apps):
    """Return the client of the sample app at the root of the repository."""
    return running_apps(REPOSITORY)


@pytest.fixture
def key():
    """Return a name that no other test uses: for instances, entities, counters."""
    return uuid.uuid4().hex[:12]


@pytest.fixture(name="wait_until", scope="session")
def wait_until_fixture():
    """Return the patient wait: wait_until(predicate, what, deadline_s)."""
    return wait_until


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Attach the end of the host's log to the report of a failed test that used a host."""
    report = yield
    if report.failed:
        for client in {c for c in getattr(item, "funcargs", {}).values() if isinstance(c, HostClient)}:
            report.sections.append((f"log of {client.stack.name} at {client.stack.base_url}", _log_tail(client.stack)))
    return report


def _log_tail(stack):
    if stack.log_path is None or not stack.log_path.exists():
        return "(no log)"
    return "\n".join(stack.log_path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
