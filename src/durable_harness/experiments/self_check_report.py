"""A self-check of `ab` as text for a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from durable_harness.experiments.self_check import CAUGHT_SHARE, COARSEST, DRAWN, SelfCheck, Trials
from durable_harness.gate.comparison import Decision
from durable_harness.gate.comparison.comparison_results import percent_text
from durable_harness.gate.report.as_json import json_text
from durable_harness.gate.report.model import number
from durable_harness.gate.writing import WrittenReports, write_reports
from durable_harness.terminal.tables import aligned

FORMAT = 1


def render_text(check: SelfCheck) -> str:
    """Return what was found, for a terminal."""
    unit = f" {check.unit}" if check.unit else ""
    delay = f"{number(check.delayed.change * check.value)}{unit} injected ({percent_text(1 + check.delayed.change)})"
    reported = check.delayed.reported
    change = "" if reported is None else f"; reported {percent_text(1 + reported)} (median)"
    rows = [
        ("equal against equal", _answers(check.equal)),
        (delay, f"{_answers(check.delayed)}{change}"),
        ("drawn from the pairs of equals", f"{check.drawn_alarms:,} of {DRAWN:,} comparisons called slower"),
        ("smallest change that is caught", _smallest(check)),
        ("time of a comparison", _time(check.equal) + _time(check.delayed, "; with the delay ")),
    ]
    value = f"{number(check.value)}{unit}"
    head = f"{check.app} against itself by {check.figure}, {value}; {100 * check.effect:g} % matters"
    end = ["", "INTERRUPTED: not all comparisons were made"] if check.interrupted else _advice(check)
    return "\n".join([head, "", *aligned(rows), *end, ""])


def _time(trials: Trials, before: str = "") -> str:
    """Return the median, without the start-up of the hosts."""
    if trials.seconds is None or trials.pairs is None:
        return ""
    return f"{before}{trials.seconds:.0f} s, {trials.pairs:.0f} pairs"


def _advice(check: SelfCheck) -> list[str]:
    """Return what would give the missing answers."""
    unsure = check.equal.answers[Decision.CANNOT_TELL] + check.delayed.answers[Decision.CANNOT_TELL]
    if not unsure:
        return []
    return ["", f"{unsure} could not tell: take more pairs (--pairs), longer slices (--slice) or a quieter machine"]


def _answers(trials: Trials) -> str:
    counts = ", ".join(f"{trials.answers[answer]} {answer}" for answer in Decision)
    return f"{trials.count} comparison{'' if trials.count == 1 else 's'}: {counts}"


def _smallest(check: SelfCheck) -> str:
    if check.smallest_caught is None:
        return f"none up to {COARSEST:+.0%}: take more pairs (--pairs), longer slices (--slice) or a larger --effect"
    share = f"{100 * CAUGHT_SHARE:.0f} of 100 comparisons drawn from all pairs"
    return f"{percent_text(1 + check.smallest_caught)} in {share}"


def write_json(check: SelfCheck, folder: Path) -> WrittenReports:
    """Write self-check.json into a folder. Never raises."""
    return write_reports(folder, {"self-check.json": lambda: json_text({"format": FORMAT, **asdict(check)})})
