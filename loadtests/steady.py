"""Steady: every user starts one operation every two seconds and follows it to its end."""

from locust import constant_pacing, task

from durable_harness.load import OperationUser


class Steady(OperationUser):
    """Copy this class to make a scenario of your own: say when to start (`wait_time`), and what (`payload`)."""

    wait_time = constant_pacing(2)

    @task
    def one_operation(self) -> None:
        self.run_operation()
