"""The pattern in plain Locust, as its documentation teaches it: users start an operation, poll it, and report its time.

Each user makes one operation a second, so RATE users make RATE operations a second while the server keeps up.
"""

from __future__ import annotations

import time

from locust import FastHttpUser, constant_throughput, task


class Client(FastHttpUser):
    wait_time = constant_throughput(1)

    @task
    def operation(self) -> None:
        began = time.perf_counter()
        status_url = self.client.post("/operations", name="start", json={}).headers["Location"]
        while self.client.get(status_url, name="poll").status_code == 202:
            time.sleep(0.2)
        took_ms = 1000 * (time.perf_counter() - began)
        self.environment.events.request.fire(
            request_type="", name="completion", response_time=took_ms, response_length=0, exception=None, context={}
        )
