"""A Locust that runs alone: it makes the load and coordinates the run."""

from __future__ import annotations

from durable_harness.load.arrivals.shares import Shares
from durable_harness.load.audit import OperationUrls
from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.engine.open_load import OpenLoad, open_scenarios
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.processes.coordinator import Coordinator
from durable_harness.load.results.record_files import open_operations
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.watch import GeneratorFigures
from durable_harness.platforms.clocks import monotonic

LOCAL = "local"
"""What this process is called among workers."""


class SingleProcess(Coordinator):
    """Coordinator and generator in one process."""

    def begin(self, options: LoadOptions) -> None:
        super().begin(options)
        records = open_operations(self.environment, options, self.run_id, LOCAL)
        self.run = LoadRun(options, self.environment, records, LOCAL)
        self._open_load = OpenLoad(self.environment, self.run, LOCAL)
        self._open_load.offer(open_scenarios(self.environment), Shares.alone(LOCAL), monotonic())

    def wind_up(self) -> None:
        if self.run is not None:
            self._open_load.stop()
            self.run.wind_up()

    def give_up(self) -> None:
        if self.run is not None:
            self.run.give_up()

    def are_arrivals_over(self) -> bool:
        return self._open_load.is_over

    def total(self) -> RunTally:
        return self.run.tally if self.run is not None else RunTally()

    def figures(self) -> dict[str, GeneratorFigures]:
        return {} if self.run is None else {"": self.run.figures}

    def operation_urls(self) -> list[OperationUrls]:
        return self.run.operation_urls() if self.run is not None else []

    def losses(self) -> list[str]:
        return []

    def describe_processes(self) -> str:
        return "1"
