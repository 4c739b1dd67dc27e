"""Closed: a number of users, each waiting for one operation to end before the next."""

from locust import constant_pacing, task

from durable_harness.load import OperationUser


class Closed(OperationUser):
    """`--users` is how many. A slow system gets less load from them, which flatters it: see Steady.

    Each starts one operation every two seconds, or as soon as the last one has ended if that takes longer.
    """

    wait_time = constant_pacing(2)

    @task
    def one_operation(self) -> None:
        self.run_operation()
