"""Spike: a load that the system can bear, a multiple of it for a few seconds, and then as before: does it recover?"""

from durable_harness.load import ArrivalProcess, ArrivalUser, Paced, ScenarioOption, read_rate

PROFILE = ScenarioOption("--spike-rate", read_rate, "5/15,40/5,5", "Operations per second, before, in and after it.")


class Spike(ArrivalUser):
    """15 s of 5 a second, 5 s of 40, then 5 until the end, unless the option overrides it."""

    is_poisson = True

    def arrivals(self) -> ArrivalProcess:
        return Paced(PROFILE.of(self), self.chosen_poisson)
