"""What a comparison asks, and what becomes of its answer: shared by `compare` and `ab`.

These are no `DeclaredOption`, whose value is its default if the option is not given: here a gates file then decides, so
that "not given" is a value of its own. They have no twin in the environment either, and `--metric` may be repeated.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from durable_harness.cli.parsed_values import percents
from durable_harness.errors import UsageError
from durable_harness.terminal.colours import show

if TYPE_CHECKING:
    from durable_harness.gate.comparison import Comparison, Figure, Question
    from durable_harness.gate.gatefile import RelativeGates

CANNOT_TELL_CODES = {"pass": 0, "fail": 1, "invalid": 3}
REPORT_DIR = Path("build/comparison")
REPORTS = ("comparison.html", "comparison.json", "comparison.md", "comparison.xml", "self-check.json")
"""What the commands write there."""


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add the options of the question, and of what becomes of the answer."""
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--metric",
        action="append",
        metavar="'NAME PERCENTILE'",
        help="figure or count to judge, again for more of them: 'execution_ms p50', 'actions_per_operation'"
        " (default: [relative] of --gates, else 'finish_ms p95', or 'completion_ms p95' where that is not known)",
    )
    group.add_argument(
        "--gates",
        type=Path,
        metavar="FILE",
        help="take figures and effects from this file's [relative] tables; --metric and --effect win over them",
    )
    group.add_argument(
        "--effect", type=percents, metavar="PERCENT", help="slowdown that matters (default: 5; of counts: any)"
    )
    group.add_argument("--false-alarm-rate", type=percents, metavar="PERCENT", help="at most (default: 0.25)")
    group.add_argument("--power", type=percents, metavar="PERCENT", help="for a slowdown that matters (default: 99)")
    group.add_argument(
        "--max-error-ratio",
        type=percents,
        default=0.01,
        metavar="PERCENT",
        help="operations that may not complete: more fail the head, or make the base no base (default: 1)",
    )
    group.add_argument(
        "--cannot-tell",
        choices=tuple(CANNOT_TELL_CODES),
        default="invalid",
        help="exit code if it cannot tell: pass 0, fail 1, invalid 3 (default)",
    )
    group.add_argument("--report-dir", type=Path, default=REPORT_DIR, metavar="DIR", help=f"(default: {REPORT_DIR})")


def read_question(options: argparse.Namespace) -> Question:
    """Return the question in the options; raise UsageError if it is not valid."""
    from durable_harness.gate import load_gate_file  # noqa: PLC0415
    from durable_harness.gate.comparison import Design, Question, read_figure  # noqa: PLC0415
    from durable_harness.gate.comparison.figures import MEAN, Figure, read_percent  # noqa: PLC0415

    relative = load_gate_file(options.gates).relative if options.gates else None
    if relative is not None and not relative.gates and not options.metric:
        raise UsageError(f"--gates {options.gates}: has no [relative] table. Add one, or name a --metric.")
    errors = {"false_alarm_rate": options.false_alarm_rate, "miss_rate": options.power and 1 - options.power}
    if relative:
        errors = {name: getattr(relative, name) if value is None else value for name, value in errors.items()}
    known = {name: value for name, value in errors.items() if value is not None}
    effect = {} if options.effect is None else {"effect": options.effect}
    figures: list[tuple[Figure, Design]] = []
    counts: dict[str, float] = {}
    if options.metric:
        for figure in dict.fromkeys(map(read_figure, options.metric)):
            if figure.kind.is_count:
                counts[figure.metric] = options.effect or 0.0
            else:
                figures.append((figure, Design(**{**_effect_in(relative, figure), **known, **effect})))
    elif relative:
        for gate in relative.gates:
            if gate.statistic == MEAN:
                counts[gate.metric] = gate.ratio - 1 if options.effect is None else options.effect
            else:
                design = Design(**{"effect": gate.ratio - 1, **known, **effect})
                figures.append((Figure(gate.metric, read_percent(gate.statistic)), design))
    return Question(tuple(figures), counts, Design(**known, **effect), options.max_error_ratio)


def _effect_in(relative: RelativeGates | None, figure: Figure) -> dict[str, float]:
    """Return the effect that a gates file has for a figure, if it has one."""
    gates = relative.gates if relative else ()
    limits = {f"{gate.metric} {gate.statistic}": gate.ratio - 1 for gate in gates}
    return {"effect": limits[figure.name]} if figure.name in limits else {}


def finish(comparison: Comparison, options: argparse.Namespace) -> int:
    """Print and write the answer, and return the exit code."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")  # The progress line is done with.
    from durable_harness.gate.comparison.comparison_reports import render_text, write_all  # noqa: PLC0415

    cannot_tell = CANNOT_TELL_CODES[options.cannot_tell]
    written = write_all(comparison, options.report_dir, cannot_tell)
    show(f"{render_text(comparison)}{written.sentence()}")
    return written.exit_code(comparison.exit_code(cannot_tell)) or 0
