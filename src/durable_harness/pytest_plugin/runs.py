"""One run of pytest: what its processes share, and the outcomes of its tests on each stack."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from durable_harness.pytest_plugin.plugin_options import fault_seed

if TYPE_CHECKING:
    from durable_harness.testing.run import PytestRun

TWICE_ATTRIBUTE = "durable_twice"
"""Where the report of a test has the results of work that was delivered twice, also from xdist's workers."""
STACK_PROPERTY = "durable_stack"
"""The property in a test's report that names the stack it ran on."""


ERROR = "error"
"""What pytest calls a failure in set-up or teardown: the test itself did not fail."""


class RunState:
    """What the plugin knows of one run of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        self._facts: dict[str, Any] | None = getattr(config, "workerinput", {}).get("durable_harness_run")
        self.is_controller = self._facts is None
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.fault_seed: int = getattr(config, "workerinput", {}).get("durable_harness_fault_seed", fault_seed(config))
        self.complaint = ""
        self.is_interrupted = False
        """Whether the user wants the run to end now."""
        self.twice: list[dict[str, Any]] = []
        """The results of each test's work that was delivered twice."""
        self.not_loaded: dict[str, str] = {}
        """The first test of each app that does not load, by the folder of the app."""

    def facts(self) -> dict[str, Any]:
        """Return the name of the run, for its other processes."""
        if self._facts is None:
            name = uuid.uuid4().hex
            folder = Path(tempfile.gettempdir()) / f"durable-harness-run-{name}"
            self._facts = {"name": name, "folder": str(folder), "controller_pid": os.getpid()}
        return self._facts

    def describe(self) -> str:
        """Return how many tests had which outcome on each stack."""
        words = {ERROR: "errors"}
        counts = sorted(self.outcomes.items())
        return ", ".join(
            f"{stack} {count} {words.get(how, how) if count > 1 else how}" for (stack, how), count in counts
        )

    def run(self) -> PytestRun:
        from durable_harness.testing.run import PytestRun  # noqa: PLC0415 - only who uses a fixture pays for it

        return PytestRun(**self.facts())

    def ran_on(self, stack: str) -> int:
        """Return how many tests were not skipped there."""
        return sum(count for (name, outcome), count in self.outcomes.items() if name == stack and outcome != "skipped")

    def end(self) -> None:
        """Clean up after all processes of the run, if any of them used a fixture."""
        if self.is_controller and self._facts is not None and Path(self._facts["folder"]).exists():
            self.run().end()


def _outcome(report: pytest.TestReport) -> str:
    """Return the outcome of a test in pytest's own words: expected failures and errors count separately."""
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    if report.failed and report.when != "call":
        return ERROR
    return report.outcome


class OutcomeCounter:
    """Counts in the controller's process, where the reports of all workers come together; notes Ctrl-C in each."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def pytest_keyboard_interrupt(self) -> None:
        self._state.is_interrupted = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        stack = dict(report.user_properties).get(STACK_PROPERTY)
        if stack and (report.when == "call" or report.outcome != "passed"):
            self._state.outcomes[str(stack), _outcome(report)] += 1
        if document := getattr(report, TWICE_ATTRIBUTE, None):
            self._state.twice.append(document)


STATE = pytest.StashKey[RunState]()
