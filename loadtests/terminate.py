"""Terminate: operations are ended before their time, while they wait or run."""

from durable_harness.load import Arrival, ArrivalUser, Durations, ScenarioOption, read_durations
from durable_harness.operations import ServiceDescription

AFTER = ScenarioOption("--terminate-after", read_durations, "0.1-0.5", "Seconds from the start to its termination.")
WORK = ScenarioOption("--terminate-durations", read_durations, "5", "Seconds of work that they would take.")


class Terminate(ArrivalUser):
    """Being terminated is the end that is wanted: such operations count as terminated, not as failed or completed.

    One that completes before the request comes counts as completed; one that is terminated unasked has failed.
    """

    is_poisson = True

    @classmethod
    def check_service(cls, service: ServiceDescription) -> str | None:
        if service.terminate is not None:
            return None
        return (
            f"the service '{service.name}' has no way to end an operation. Describe it below [terminate], such as "
            'url = "status" and method = "DELETE".'
        )

    def arrive(self, arrival: Arrival) -> None:
        operation = self.start_operation(arrival)
        self.terminate_later(operation, AFTER.of(self).pick_s(self.random))

    @property
    def durations(self) -> Durations:
        return WORK.of(self)
