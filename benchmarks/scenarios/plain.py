"""The peer: a plain FastHttpUser for each operation in flight, which polls once a second from a greenlet of its own."""

import json
import os
import random
import time
from pathlib import Path

import gevent
from locust import FastHttpUser, constant, events, task

SLIPS_MS: list[float] = []
URL = "/runtime/webhooks/durabletask/instances/9999999999.000000-1?code=key"


class Plain(FastHttpUser):
    wait_time = constant(0)

    def on_start(self) -> None:
        self.due = time.monotonic() + random.random()

    @task
    def poll(self) -> None:
        self.due += 1.0
        gevent.sleep(max(0.0, self.due - time.monotonic()))
        SLIPS_MS.append((time.monotonic() - self.due) * 1000)
        with self.client.get(URL, name="status", catch_response=True) as response:
            # What any client of the pattern does with a poll.
            if response.json()["runtimeStatus"] == "Running":
                response.success()


@events.quitting.add_listener
def write_slips(**_: object) -> None:
    SLIPS_MS.sort()
    p99 = SLIPS_MS[len(SLIPS_MS) * 99 // 100] if SLIPS_MS else None
    Path(os.environ["SLIPS"]).write_text(json.dumps({"p99": p99}))
