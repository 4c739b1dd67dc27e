"""Soak: a moderate load for hours, to see what grows: memory, stored history, latencies. Give it time: `-t 8h`."""

from durable_harness.load import (
    ArrivalProcess,
    ArrivalUser,
    Durations,
    Paced,
    ScenarioOption,
    read_durations,
    read_rate,
)

RATE = ScenarioOption("--soak-rate", read_rate, "4", "Operations per second.")
DURATIONS = ScenarioOption("--soak-durations", read_durations, "0.2-2:99,20:1", "Seconds of work with their weights.")


class Soak(ArrivalUser):
    """One operation in a hundred works for 20 s, so that at all times some are old."""

    is_poisson = True

    def arrivals(self) -> ArrivalProcess:
        return Paced(RATE.of(self), self.chosen_poisson)

    @property
    def durations(self) -> Durations:
        return DURATIONS.of(self)
