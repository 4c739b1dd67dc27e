"""Burst: now and then one user starts many operations at once."""

from locust import constant_pacing, task

from durable_harness.load import OperationUser

OPERATIONS_AT_ONCE = 30


class Burst(OperationUser):
    """There is one such user beside the others, however many they are."""

    fixed_count = 1
    wait_time = constant_pacing(15)

    @task
    def many_operations(self) -> None:
        self.run_operations(OPERATIONS_AT_ONCE)
