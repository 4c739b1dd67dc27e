"""`HELD` operations in flight that do not end, followed by this project's generator, in each of `HOLDERS` processes."""

import os
import time

import gevent
from locust import constant, task

from durable_harness.load import OperationUser

HELD = int(os.environ.get("HELD", "1000"))
HOLDERS = int(os.environ.get("HOLDERS", "1"))
SPREAD_S = 5.0


class Held(OperationUser):
    """Starts all of them within some seconds, so that their polls are spread evenly."""

    fixed_count = HOLDERS
    wait_time = constant(3600)

    @task
    def hold(self) -> None:
        begin = time.monotonic() + 1.0
        for number in range(HELD):
            self._start_one(f"held-{number}", begin + SPREAD_S * number / HELD)
            if number % 50 == 0:
                gevent.sleep(0)
