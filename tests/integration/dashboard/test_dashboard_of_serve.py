"""The dashboard of `serve` and of `scheduler`: where it is, and what the app and its host add to it."""

import html
import json
import re
import subprocess
import sys

import pytest
import requests

from durable_harness.stack import embedded_stack, scheduler_process
from durable_harness.stack.processes import running_command

BASE = "/subscriptions/local/schedulers/emulator/taskhubs/default"
TIMEOUT_S = 10


class Dashboard:
    """A dashboard over HTTP, as a browser without scripts uses it."""

    def __init__(self, url):
        self._url, self._session = url + BASE, requests.Session()

    def get(self, path="/orchestrations"):
        answer = self._session.get(self._url + path, timeout=TIMEOUT_S)
        return html.unescape(answer.text)

    def post(self, path, **fields):
        token = re.search(r'name="token" value="([^"]+)"', self.get("/new-orchestration"))[1]
        return self._session.post(self._url + path, data={"token": token, **fields}, timeout=TIMEOUT_S)

    def words(self, path):
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.get(path)))


@pytest.fixture(scope="module")
def serving(pytestconfig, tmp_path_factory):
    """Yield the dashboard of `serve` with an app of many patterns."""
    app = pytestconfig.rootpath / "tests" / "apps" / "patterns"
    with embedded_stack(app, serve_args=["--dashboard-port", "any"]) as stack:
        yield stack


@pytest.fixture
def dashboard(serving):
    return Dashboard(serving.dashboard_url)


@pytest.mark.sdk1
def test_the_address_is_printed_and_the_names_are_the_apps(serving, dashboard):
    """The start prints the dashboard's address; its form offers the orchestrators of the app before any has run."""
    assert f"Dashboard: {serving.dashboard_url}" in serving.log_path.read_text()
    form = dashboard.get("/new-orchestration")
    assert {"retries", "fan_out", "events"} <= set(re.findall(r'<option value="([^"]+)">', form))


@pytest.mark.sdk1
def test_attempts_of_a_retried_activity_are_one_row(dashboard, wait_until):
    """Of a real app: three attempts in one row, waits distinguished from what ran, turns marked."""
    assert dashboard.post("/new-orchestration", name="retries", id="retry-1").ok
    wait_until(lambda: "Completed" in dashboard.words("/orchestrations/retry-1"), "the end")
    page = dashboard.words("/orchestrations/retry-1")
    assert "activity flaky 3 attempts" in page
    assert "sub-orchestration flaky_child 2 attempts" in page
    for kind in ("waits to run", "turn with replay", "failed"):
        assert kind in page


@pytest.mark.sdk1
def test_a_waiting_instance_names_its_event_and_the_line(dashboard, wait_until):
    """What the app's code waits for is named with its line, and what came that nothing waits for."""
    assert dashboard.post("/new-orchestration", name="events", id="events-1").ok
    wait_until(lambda: "external event 'go'" in dashboard.words("/orchestrations/events-1"), "the name of the event")
    assert dashboard.post("/orchestrations/events-1/event", name="og").ok
    wait_until(lambda: "'og' came, and nothing waits for it" in dashboard.words("/orchestrations/events-1"), "the hint")
    assert "function_app.py:" in dashboard.words("/orchestrations/events-1")


@pytest.mark.sdk1
def test_a_failure_of_the_app_has_its_file_and_line(dashboard, wait_until):
    """The failed instance's page begins with the line of the app that raised."""
    assert dashboard.post("/new-orchestration", name="fails", id="fails-1").ok
    wait_until(lambda: "Failed" in dashboard.words("/orchestrations/fails-1"), "the end")
    assert re.search(r"Failure \S*function_app\.py:\d+ in fails", dashboard.words("/orchestrations/fails-1"))


@pytest.mark.sdk1
def test_the_downloaded_history_is_replayed(serving, dashboard, wait_until, pytestconfig, tmp_path):
    """`durable-harness replay` takes the file that the page offers."""
    assert dashboard.post("/new-orchestration", name="fan_out", id="fan-1", input="5").ok
    wait_until(lambda: "Completed" in dashboard.words("/orchestrations/fan-1"), "the end")
    file = tmp_path / "fan.json"
    file.write_text(dashboard.get("/orchestrations/fan-1/history.json"))
    assert json.loads(file.read_text())["orchestrator"] == "fan_out"
    app = pytestconfig.rootpath / "tests" / "apps" / "patterns"
    words = [sys.executable, "-m", "durable_harness", "replay", str(file), "--app", str(app)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "has_one"),
    [(["--dashboard-port", "0"], False), (["--enableAuth"], False), (["--dashboard-port", "any", "--read-only"], True)],
)
def test_there_is_one_where_it_is_wanted(words, has_one, pytestconfig):
    """--dashboard-port 0 is none, and none comes by itself where keys are checked; the ready file has the port."""
    with running_command(
        "serve", ["--script-root", str(pytestconfig.rootpath), "--port", "0", *words], None
    ) as command:
        url = command.facts["dashboardUrl"]
        assert (url is not None) == has_one
        assert ("Dashboard: " in command.log.read_text()) == has_one
        if url:
            assert "read-only" in Dashboard(url).get()


def test_the_scheduler_has_one_too():
    """The scheduler alone has the same pages; it answers health checks beside them, and keeps its settings."""
    with scheduler_process() as running:
        dashboard = Dashboard(running.dashboard_url)
        assert dashboard.post("/new-orchestration", name="anything", id="one").ok
        assert "one" in dashboard.get()
        assert "a turn of orchestrator 'anything' : waits for a host that takes it" in dashboard.words(
            "/orchestrations/one"
        )
        assert requests.get(f"{running.dashboard_url}/health", timeout=TIMEOUT_S).text == "Healthy"
