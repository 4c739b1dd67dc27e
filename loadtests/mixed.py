"""Mixed: most operations are short, some take long: do the long ones hold up the short ones?"""

from durable_harness.load import ArrivalUser, Durations, ScenarioOption, read_durations

DURATIONS = ScenarioOption(
    "--mixed-durations", read_durations, "0.1-0.3:80,1-2:15,3:5", "Seconds of work with their weights."
)


class Mixed(ArrivalUser):
    """Durations are drawn for each operation; the seed decides which."""

    is_poisson = True

    @property
    def durations(self) -> Durations:
        return DURATIONS.of(self)
