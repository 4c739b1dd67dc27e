"""Burst: now and then many operations arrive at the same moment."""

from durable_harness.load import (
    ArrivalProcess,
    ArrivalUser,
    Batches,
    ScenarioOption,
    seconds_above_zero,
    whole_number,
)

SIZE = ScenarioOption("--burst-size", whole_number, "30", "Operations that a burst starts at once.")
EVERY = ScenarioOption("--burst-every", seconds_above_zero, "15", "Seconds from one burst to the next.")


class Burst(ArrivalUser):
    """The first burst comes at once."""

    def arrivals(self) -> ArrivalProcess:
        return Batches(SIZE.of(self), EVERY.of(self))
