"""Scenarios for the tests: short, and steered by options and the stub server alone."""

import gevent
from gevent.monkey import get_original
from locust import constant, task

from durable_harness.load import ArrivalUser, OperationUser


class Quick(OperationUser):
    """Starts the next operation shortly after the last one ended."""

    wait_time = constant(0.05)

    @task
    def one_operation(self):
        self.run_operation()


class Few(OperationUser):
    """Ends the run once `ENOUGH` operations have ended, which spares the tests the rest of a second."""

    ENOUGH = 12
    ended = 0
    wait_time = constant(0.05)

    @task
    def one_operation(self):
        self.run_operation()
        Few.ended += 1
        if Few.ended == self.ENOUGH:
            # Not from this greenlet: quitting would end it, and with it itself.
            gevent.spawn(self.environment.runner.quit)


class Eager(OperationUser):
    """Starts operations without waiting for them."""

    wait_time = constant(0.1)

    @task
    def two_operations(self):
        self.start_operations(2)


class Broken(Few):
    """Has a bug that shows once, before an operation starts."""

    has_raised = False

    def payload(self, token):
        if not Broken.has_raised:
            Broken.has_raised = True
            raise ZeroDivisionError("a bug of the scenario")
        return super().payload(token)


class Hogging(Quick):
    """Holds up the whole process now and then, as a scenario does that computes or waits without gevent."""

    HELD_UP_S = 0.5
    fixed_count = 1

    @task
    def one_operation(self):
        self.start_operations(3)
        get_original("time", "sleep")(self.HELD_UP_S)


class BrokenArrivals(ArrivalUser):
    """Has a bug that one arrival shows."""

    def arrive(self, arrival):
        if arrival.number == 3:
            raise ZeroDivisionError("a bug of the scenario")
        super().arrive(arrival)


class Constant(ArrivalUser):
    """Asks the app in tests/apps/constant for its work, which takes always the same time."""

    start_path = "/api/work"

    def payload(self, token):
        return {"token": token}

    def check_output(self, sent, output):
        return None if output["order"] == sent else "another order"
