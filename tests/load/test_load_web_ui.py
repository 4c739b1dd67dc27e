"""The web UI: the host is filled in, a bad value is refused, and every test stop is summed up."""

import socket

import pytest
import requests


class WebUi:
    """Locust's web UI, used as its page does."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def page(self):
        """Return the page, None while nobody serves it."""
        try:
            return requests.get(self.url, timeout=10).text
        except requests.ConnectionError:
            return None

    def start(self, **form):
        """Press start."""
        form = {"user_count": 2, "spawn_rate": 50, **form}
        return requests.post(f"{self.url}/swarm", data=form, timeout=10).json()

    def stop(self):
        """Press stop; returns when the test has stopped."""
        assert requests.post(f"{self.url}/stop", timeout=30).json()["success"]


@pytest.fixture
def port():
    """Give a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_each_stop_is_summed_up(start_locust, stub, port, wait_until):
    """Two tests from one web UI are two runs with a summary each, and a value no run can use starts none."""
    locust = start_locust("--web-host", "127.0.0.1", "--web-port", str(port), "--host", f"{stub.url}/", "Quick")
    ui = WebUi(port)
    page = wait_until(ui.page, "the web UI")
    assert f'"host": "{stub.url}"' in page
    for run in (1, 2):
        accepted = stub.accepted
        ui.start(host=stub.url)
        wait_until(lambda: stub.accepted > accepted + 1, "operations of the run")  # noqa: B023 - called at once
        ui.stop()
        wait_until(lambda: locust.out.count("Reports: ") == run, "the summary")  # noqa: B023 - called at once
    accepted_before = stub.accepted
    ui.start(host=stub.url, operation_duration="soon")
    wait_until(lambda: "got 'soon', expected seconds, 0 or more" in locust.err, "the refusal")
    assert stub.accepted == accepted_before
    locust.press_ctrl_c()
    assert locust.wait().operations["completed"] == stub.accepted - accepted
