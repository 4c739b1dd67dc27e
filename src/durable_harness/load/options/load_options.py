"""The options of one run, as typed values, and the files that they name."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.errors import UsageError
from durable_harness.gate import AbortRule, Gate, GateFile, load_gate_file
from durable_harness.gate.gatefile import check_scenarios
from durable_harness.load.arrivals.plans import FORMS, RateProfile
from durable_harness.load.options import shared_options
from durable_harness.load.options.declared_option import DeclaredOption, choose, declared, read_fields, switch
from durable_harness.load.options.generator import GeneratorOptions
from durable_harness.load.options.metrics_options import MetricsOptions
from durable_harness.load.options.option_values import (
    Durations,
    number_above_zero,
    read_rate,
    seconds,
    seconds_above_zero,
    whole_number,
)
from durable_harness.load.options.start import StartOptions
from durable_harness.load.options.start_values import service_once
from durable_harness.operations import STRATEGIES, ServiceDescription
from durable_harness.wording.foreign_text import hide

NO_GATES = "none"
STATUS_SOURCES = ("webhook", "app")
SPACINGS = ("scenario", "constant", "poisson")
AUDITS = ("auto", "each", "off")


def read_gates(text: str) -> Path | None:
    """Read the name of a gates file; an empty text, or `none`, is None."""
    return None if text in ("", NO_GATES) else Path(text)


def check_gates(text: str) -> None:
    """Raise ArgumentTypeError for a gates file that cannot be used."""
    path = read_gates(text)
    try:
        if path is not None:
            gates_once(path)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def check_app(text: str) -> None:
    """Raise ArgumentTypeError for an app without a folder."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"got '{text}', expected the folder of a function app")


APP = DeclaredOption(
    "--app",
    Path,
    ".",
    "function app to run and load when there is no --host",
    "DIR",
    default_text="the current directory",
    check=check_app,
    former_flags=("--app-dir",),
    dest="app_dir",
    in_web_form=False,
)
GATES = DeclaredOption(
    "--gates",
    read_gates,
    NO_GATES,
    f"gates that decide the exit code; '{NO_GATES}' for none",
    "FILE",
    default_text="the gates.toml beside the scenarios",
    check=check_gates,
    in_web_form=False,
)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of one run, as typed values. Each field declares its option: flag, default, meaning."""

    function_key: str | None = declared(shared_options.FUNCTION_KEY, in_repr=False)
    status_source: str = declared(
        choose(
            "--status-source",
            STATUS_SOURCES,
            "webhook",
            "which URL to poll: 'webhook' for the status URL in the start response, 'app' for the app's own status "
            "route",
        )
    )
    rate: RateProfile = declared(
        DeclaredOption("--rate", read_rate, "10", f"arrivals of an open scenario: {FORMS}", "PROFILE")
    )
    arrivals: str = declared(
        choose(
            "--arrivals",
            SPACINGS,
            "scenario",
            "spacing of an open scenario's arrivals: 'constant' gaps, 'poisson' for random ones, 'scenario' for the "
            "scenario's own",
        )
    )
    """One of SPACINGS."""
    seed: int = declared(shared_options.SEED)
    poll_strategy: str = declared(
        choose(
            "--poll-strategy",
            tuple(STRATEGIES),
            "fixed",
            "when to poll: 'fixed' every --poll-interval, 'exponential' at intervals that grow from it, 'server' as "
            "Retry-After says, 'adaptive' where earlier operations have ended",
        )
    )
    poll_interval_s: float = declared(shared_options.POLL_INTERVAL)
    poll_budget: float = declared(
        DeclaredOption(
            "--poll-budget",
            number_above_zero,
            3.0,
            "polls per operation that 'adaptive' may make on average",
            "POLLS",
        )
    )
    operation_duration_s: Durations = declared(shared_options.OPERATION_DURATION)
    operation_timeout_s: float = declared(shared_options.OPERATION_TIMEOUT)
    drain_timeout_s: float = declared(
        DeclaredOption(
            "--drain-timeout",
            seconds,
            30.0,
            "seconds to follow operations that are in flight when the run ends; those left then count as timed out",
            "SECONDS",
        )
    )
    warm_up_s: float = declared(
        DeclaredOption(
            "--warm-up",
            seconds,
            0.0,
            "seconds at the beginning of a run whose operations are recorded, but are in no figure",
            "SECONDS",
        )
    )
    audit: str = declared(
        choose(
            "--audit",
            AUDITS,
            "auto",
            "how to account for every accepted operation after the run: 'auto' by the paged query of the durable "
            "webhooks, or by the status of each operation if there is none, 'each' always by its status, 'off' not at "
            "all",
        )
    )
    audit_timeout_s: float = declared(
        DeclaredOption(
            "--audit-timeout",
            seconds_above_zero,
            60.0,
            "seconds that the audit may take; one that takes longer is reported as incomplete",
            "SECONDS",
        )
    )
    history_sample: int = declared(
        DeclaredOption(
            "--history-sample",
            whole_number,
            300,
            "operations whose histories are read from the durable webhooks after the run, and counted from, if the "
            "service does not report when work began and ended, or what it cost",
            "NUMBER",
        )
    )
    app_dir: Path = declared(APP)
    twice: bool = declared(
        switch(
            "--twice",
            "deliver every activity and entity operation to the app that the run starts twice, as a service may, and "
            "report what that changes. Not with --host: start that host with `durable-harness serve --twice`",
            in_web_form=False,
        )
    )
    service_file: Path | None = declared(shared_options.SERVICE)
    gates_file: Path | None = declared(GATES)
    report_dir: Path = declared(
        DeclaredOption(
            "--report-dir",
            Path,
            "build/load",
            "folder for summary.json and report.html",
            "DIR",
            in_web_form=False,
        )
    )
    evidence: Path | None = declared(shared_options.EVIDENCE)
    preflight: bool = declared(shared_options.NO_PREFLIGHT)
    start: StartOptions = field(default_factory=StartOptions)
    generator: GeneratorOptions = field(default_factory=GeneratorOptions)
    metrics: MetricsOptions = field(default_factory=MetricsOptions)

    @classmethod
    def read(cls, parsed: argparse.Namespace) -> LoadOptions:
        """Return the typed options; raise UsageError for a value that the web form accepted and no run can use."""
        hide([parsed.function_key or ""])
        try:
            return cls(
                **read_fields(cls, parsed),
                start=StartOptions.read(parsed),
                generator=GeneratorOptions.read(parsed),
                metrics=MetricsOptions.read(parsed),
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
def gates_once(path: Path) -> GateFile:
    """Load a gates file the first time that it is asked for."""
    return load_gate_file(path)
