"""The options of one run, as typed values, and the files that they name."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.foreign_text import hide
from durable_harness.gate import AbortRule, Gate, GateFile, load_gate_file
from durable_harness.gate.gatefile import check_scenarios
from durable_harness.load.arrivals.plans import RateProfile
from durable_harness.load.options.generator import GeneratorOptions
from durable_harness.load.options.metrics import MetricsOptions
from durable_harness.load.options.start import StartOptions
from durable_harness.load.options.values import (
    Durations,
    choice,
    number_above_zero,
    read_durations,
    read_rate,
    seconds,
    seconds_above_zero,
    whole_number,
)
from durable_harness.operations import STRATEGIES, ServiceDescription, load_service

NO_GATES = "none"
STATUS_SOURCES = ("webhook", "app")
SPACINGS = ("scenario", "constant", "poisson")
AUDITS = ("auto", "each", "off")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of one run, as typed values."""

    function_key: str | None = field(repr=False)
    app_dir: Path
    status_source: str
    service_file: Path | None
    rate: RateProfile
    arrivals: str
    """One of SPACINGS."""
    seed: int
    poll_strategy: str
    poll_interval_s: float
    poll_budget: float
    operation_duration_s: Durations
    operation_timeout_s: float
    drain_timeout_s: float
    warm_up_s: float
    audit: str
    audit_timeout_s: float
    history_sample: int
    gates_file: Path | None
    report_dir: Path
    generator: GeneratorOptions
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    start: StartOptions = field(default_factory=StartOptions)
    preflight: bool = True
    twice: bool = False
    """Whether the app that the run starts gets every activity and entity operation twice."""
    evidence: Path | None = None

    @classmethod
    def read(cls, parsed: Any) -> LoadOptions:
        """Type Locust's parsed options; raise UsageError for what the web form let through and no run can use."""
        hide([parsed.function_key or ""])
        try:
            return cls(
                function_key=parsed.function_key or None,
                app_dir=Path(parsed.app_dir),
                status_source=choice(STATUS_SOURCES)(parsed.status_source),
                service_file=Path(parsed.service) if parsed.service else None,
                rate=read_rate(parsed.rate),
                arrivals=choice(SPACINGS)(parsed.arrivals),
                seed=whole_number(parsed.seed),
                poll_strategy=choice(tuple(STRATEGIES))(parsed.poll_strategy),
                poll_interval_s=seconds_above_zero(parsed.poll_interval),
                poll_budget=number_above_zero(parsed.poll_budget),
                operation_duration_s=read_durations(parsed.operation_duration),
                operation_timeout_s=seconds_above_zero(parsed.operation_timeout),
                drain_timeout_s=seconds(parsed.drain_timeout),
                warm_up_s=seconds(parsed.warm_up),
                audit=choice(AUDITS)(parsed.audit),
                audit_timeout_s=seconds_above_zero(parsed.audit_timeout),
                history_sample=whole_number(parsed.history_sample),
                gates_file=None if parsed.gates in (None, "", NO_GATES) else Path(parsed.gates),
                report_dir=Path(parsed.report_dir),
                generator=GeneratorOptions.read(parsed),
                metrics=MetricsOptions.read(parsed),
                start=StartOptions.read(parsed),
                preflight=not parsed.no_preflight,
                twice=bool(getattr(parsed, "twice", False)),
                evidence=Path(parsed.evidence) if getattr(parsed, "evidence", None) else None,
            )
        except argparse.ArgumentTypeError as error:
            raise UsageError(str(error)) from error

    def gates(self) -> tuple[Gate, ...]:
        """Return the gates as they were when the file was first read: a run is judged by what was checked before it."""
        return () if self.gates_file is None else gates_once(self.gates_file).gates

    def check_scenarios(self, known: Iterable[str]) -> None:
        """Raise GateFileError if a gate is about a scenario that is not among the known ones."""
        if self.gates_file is not None:
            check_scenarios(self.gates_file, self.gates(), known)

    def abort_rule(self) -> AbortRule | None:
        """Return when the gates file ends a run early; None if it does not."""
        return None if self.gates_file is None else gates_once(self.gates_file).abort

    def service(self) -> ServiceDescription | None:
        """Return the description of the service; None leaves it to the scenario."""
        return None if self.service_file is None else service_once(self.service_file)

    def for_report(self) -> dict[str, str]:
        """Return what a reader of the report wants to know, without the key."""
        return {
            "rate": str(self.rate),
            "arrivals": self.arrivals,
            "work per operation": str(self.operation_duration_s),
            "poll strategy": self._polling(),
            "seed": str(self.seed),
            **({} if self.service_file else {"status source": self.status_source}),
            **({"service": str(self.service_file)} if self.service_file else {}),
            **({"twice": "every activity and entity operation"} if self.twice else {}),
            "operation timeout": f"{self.operation_timeout_s:g} s",
            "drain timeout": f"{self.drain_timeout_s:g} s",
            "warm-up": f"{self.warm_up_s:g} s, in no figure" if self.warm_up_s else "none",
            "connections": f"at most {self.generator.connections:,} in each process",
        }

    def _polling(self) -> str:
        budget = f", {self.poll_budget:g} polls an operation" if self.poll_strategy == "adaptive" else ""
        return f"{self.poll_strategy}, {self.poll_interval_s:g} s{budget}"


@functools.cache
def service_once(path: Path) -> ServiceDescription:
    """Load a service's description the first time that it is asked for."""
    return load_service(path)


@functools.cache
def gates_once(path: Path) -> GateFile:
    """Load a gates file the first time that it is asked for."""
    return load_gate_file(path)
