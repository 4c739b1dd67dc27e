"""The open user: a scenario subclasses it and defines when operations arrive, and what they are."""

from __future__ import annotations

from locust import constant, task

from durable_harness.load.arrivals.plans import ArrivalProcess, Paced
from durable_harness.load.engine.open_load import Arrival
from durable_harness.load.scenario.operation_user import OperationUser
from durable_harness.operations import Operation, Workload

WAITING_S = 3600
"""How often the user that stands for a scenario in Locust's tables does nothing."""


class ArrivalUser(OperationUser):
    """An open workload: operations start at the moments of an arrival process, in all processes of the run together.

        class Steady(ArrivalUser):  # at --rate
            start_path = "/api/orders"
            payload = {"order": "{token}"}

        class Morning(ArrivalUser):
            def arrivals(self):
                return Paced(RateProfile.ramp(1, 20, over_s=60), poisson=True)

    Completion counts from the intended moment of each arrival, so that a slow system, or a busy generator, cannot hide
    the operations that it delays. Locust's number of users does not matter.

    Attributes:
        is_poisson: whether gaps between arrivals are random, as those of independent people, rather than even.
            `--arrivals` overrides it.
    """

    abstract = True
    fixed_count = 1
    workload = Workload.OPEN
    is_poisson = False
    wait_time = constant(WAITING_S)

    @task  # type: ignore[untyped-decorator]
    def stand_for_the_scenario(self) -> None:
        """Do nothing: the arrivals are started beside Locust's users."""

    def arrivals(self) -> ArrivalProcess | None:
        """Return when operations arrive: at `--rate`, unless overridden.

        It is called once in each process, and must return the same in all of them.

        Returns:
            `Paced`, `Batches`, `Replayed`, or an `ArrivalProcess` of your own; None if nothing arrives.
        """
        return Paced(self.options.rate, self.chosen_poisson)

    def arrive(self, arrival: Arrival) -> None:
        """Start what arrives: one operation at the arrival's moment, unless overridden.

        It is called up to 54 ms before that moment, on the greenlet that starts all arrivals of the scenario. It must
        not wait.

        Args:
            arrival: its number, its moment, and a source of chance of its own.
        """
        self.start_operation(arrival)

    def start_operation(self, arrival: Arrival) -> Operation:
        """Start an operation at the arrival's moment; the run follows it to its end.

        Its token has the name of the scenario and the number of the arrival, so that records show each arrival once.

        Args:
            arrival: the one that `arrive` was called with. Completion counts from its moment.
        """
        self.random, self._phases = arrival.random(), arrival.random("poll phases")
        token = f"{type(self).__name__}-{arrival.number}-{self._run.new_token()}"
        self._number = arrival.number - 1
        return self._start_one(token, arrival.intended)[0]

    @classmethod
    def leaves_operations_alone(cls) -> bool:
        """Whether operations end by themselves: a scenario with an `arrive` of its own may do anything to them."""
        return cls.arrive is ArrivalUser.arrive and super().leaves_operations_alone()

    @property
    def chosen_poisson(self) -> bool:
        """Whether arrivals are a Poisson process rather than evenly spaced."""
        chosen = self.options.arrivals
        return self.is_poisson if chosen == "scenario" else chosen == "poisson"
