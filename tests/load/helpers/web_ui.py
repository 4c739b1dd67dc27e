"""Locust's web UI, used as its page does."""

import requests


class WebUi:
    """The web UI that a locust process serves on a port of this machine."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def page(self):
        """Return the page, None while it is not served."""
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

    def state(self):
        """Return the data of the live page."""
        return requests.get(f"{self.url}/durable/state", timeout=10).json()
