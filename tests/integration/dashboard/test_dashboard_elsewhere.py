"""The command `dashboard`: the pages of a scheduler in another process, ours and a foreign one."""

import contextlib
import re

import pytest
import requests
from durabletask.testing import create_test_backend

from durable_harness.errors import PortInUseError, UnreachableError, UsageError
from durable_harness.network.free_ports import free_port
from durable_harness.stack import embedded_stack
from durable_harness.stack.processes import running_command

BASE = "/subscriptions/local/schedulers/emulator/taskhubs"
PAGES = ("orchestrations", "entities", "queue", "workers", "clock", "hubs", "new-orchestration", "choices")
TIMEOUT_S = 30


@contextlib.contextmanager
def dashboard(*arguments):
    """Yield the address of a dashboard that runs with these arguments."""
    with running_command("dashboard", ["--port", "any", *arguments], None) as running:
        yield running.facts["dashboardUrl"]


@contextlib.contextmanager
def scheduler(port, *arguments):
    """Run a scheduler of ours on a port."""
    ports = ["--grpc-port", str(port), "--http-port", "0", "--dashboard-port", "0"]
    with running_command("scheduler", [*ports, *arguments], None) as running:
        yield running


def address(port, more=""):
    return f"Endpoint=http://127.0.0.1:{port};Authentication=None{more}"


def page(url, path, hub="default", status=200):
    answer = requests.get(f"{url}{BASE}/{hub}/{path}", timeout=TIMEOUT_S)
    assert answer.status_code == status, answer.text
    return answer.text


def token_of(text):
    return re.search(r'name="token" value="([^"]+)"', text)[1]


def start(url, hub="default", **fields):
    form = {"token": token_of(page(url, "new-orchestration", hub)), **fields}
    origin = {"Origin": url}
    return requests.post(f"{url}{BASE}/{hub}/new-orchestration", data=form, headers=origin, timeout=TIMEOUT_S)


def test_a_scheduler_in_another_process_is_shown(request):
    """An app works for a scheduler elsewhere, and its orchestrations are started and shown; the rest is not known."""
    port = free_port()
    with (
        scheduler(port, "--task-hubs", "default,other"),
        embedded_stack(request.config.rootpath, serve_args=("--scheduler", address(port))),
        dashboard("--scheduler", address(port), "--task-hubs", "default,other") as url,
    ):
        for path in PAGES:
            page(url, path)
            page(url, path, "other")
        answer = start(url, name="no_such_orchestrator", id="<b>mine</b>")
        assert "&lt;b&gt;mine&lt;/b&gt;" in answer.text
        assert "<b>mine</b>" not in answer.text
        assert "mine" not in page(url, "orchestrations", "other")
        for path in ("queue", "workers", "clock"):
            assert "Not known" in page(url, path)
        assert f"http://127.0.0.1:{port}" in page(url, "orchestrations")


def test_a_scheduler_of_others_is_shown():
    """The pages show a scheduler that speaks nothing but the protocol."""
    port = free_port()
    backend = create_test_backend(port=port)
    try:
        with dashboard("--scheduler", address(port)) as url:
            for path in PAGES:
                page(url, path)
            assert start(url, name="order", id="one", input='{"a": 1}').status_code == 200
            assert "order" in page(url, "orchestrations")
            assert "one" in page(url, "orchestrations/one")
    finally:
        backend.stop()


def test_a_scheduler_that_goes_away_comes_back(wait_until):
    """While the scheduler is gone the page says so and asks for itself; when it answers again all is shown."""
    port = free_port()
    with scheduler(port) as running, dashboard("--scheduler", address(port)) as url:
        page(url, "entities")
        running.kill()
        answer = requests.get(f"{url}{BASE}/default/entities", timeout=TIMEOUT_S)
        assert (answer.status_code, answer.headers["Refresh"]) == (503, "3")
        assert "The scheduler does not answer" in answer.text
        running.start()
        wait_until(lambda: requests.get(url, timeout=TIMEOUT_S).status_code == 200, "the scheduler")
        assert "There is no orchestration" in page(url, "orchestrations")


def test_the_apps_own_settings_name_the_scheduler(tmp_path):
    """With `settings` the connection string and the task hub are those of the app's folder."""
    port = free_port()
    (tmp_path / "host.json").write_text(
        '{"version": "2.0", "extensions": {"durableTask": {"hubName": "mine", "storageProvider":'
        ' {"type": "azureManaged", "connectionStringName": "MINE"}}}}'
    )
    (tmp_path / "local.settings.json").write_text(f'{{"IsEncrypted": false, "Values": {{"MINE": "{address(port)}"}}}}')
    with (
        scheduler(port, "--task-hubs", "mine"),
        dashboard("--scheduler", "settings", "--app", str(tmp_path), "--read-only") as url,
    ):
        assert "read-only" in page(url, "orchestrations", "mine")


def test_what_cannot_be_shown_ends_the_command():
    """No scheduler, one that does not answer, a hub that it lacks and a port that is taken have their exit codes."""
    port = free_port()
    with scheduler(port):
        for error, arguments in (
            (UsageError, ["--scheduler", "embedded"]),
            (UsageError, ["--scheduler", "nonsense"]),
            (UnreachableError, ["--scheduler", address(free_port())]),
            (UnreachableError, ["--scheduler", address(port, ";TaskHub=nobody")]),
            (PortInUseError, ["--scheduler", address(port), "--port", str(port)]),
        ):
            with pytest.raises(error, match=r"^(--scheduler|The scheduler|Port)") as caught, dashboard(*arguments):
                pytest.fail("it was shown")
            assert "leave --scheduler out" not in str(caught.value)
