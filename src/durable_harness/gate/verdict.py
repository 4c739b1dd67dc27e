"""The verdict on a run, in one word, and its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from durable_harness.errors import INTERRUPTED, InvalidRunError
from durable_harness.gate.gates import GateResult
from durable_harness.gate.measurable import AUDIT
from durable_harness.gate.summary import RunSummary


class Verdict(StrEnum):
    """The outcome of a run."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"
    """The figures do not count: see RunSummary.invalid."""
    INTERRUPTED = "interrupted"
    """A signal ended the run before there was a verdict: see RunSummary.interrupted."""
    UNJUDGED = "no gates"

    @property
    def exit_code(self) -> int | None:
        """The process exit code that stands for the verdict; None if there is no verdict."""
        codes = {
            Verdict.PASSED: 0,
            Verdict.FAILED: 1,
            Verdict.INVALID: InvalidRunError.exit_code,
            Verdict.INTERRUPTED: INTERRUPTED,
        }
        return codes.get(self)


MEASURED = frozenset({Verdict.PASSED.value, Verdict.FAILED.value, Verdict.UNJUDGED.value})
"""The verdicts of runs whose figures are good: one that is invalid or interrupted measured something else."""


def verdict_on(summary: RunSummary, results: Iterable[GateResult]) -> Verdict:
    """Return the verdict: an interrupted or invalid run neither passes nor fails; otherwise every gate has to pass.

    A run is invalid, too, if a gate is about what the service does not report. An incomplete audit hides no
    failure, though: a service that broke down fails its gates, and answers no audit.
    """
    results = tuple(results)
    if summary.interrupted:
        return Verdict.INTERRUPTED
    if summary.invalid:
        return Verdict.INVALID
    lacking = {result.gate.metric for result in results if not result.is_measured}
    is_broken = any(result.failed for result in results)
    if lacking and not (is_broken and lacking == {AUDIT}):
        return Verdict.INVALID
    if not results:
        return Verdict.UNJUDGED
    return Verdict.PASSED if all(result.passed for result in results) else Verdict.FAILED
