"""The commands `compare`, `ab` and `capacity`: their options, and what they print. Heavy imports wait until a command
runs, so that every other one starts as fast as before."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.errors import UsageError

if TYPE_CHECKING:
    from durable_harness.experiments.offered import OfferedLoad
    from durable_harness.gate.comparison import Comparison, Design, Figure, PairedComparison

CANNOT_TELL_CODES = {"pass": 0, "fail": 1, "invalid": 3}
REPORT_DIR = Path("build/comparison")


def add_commands(commands: Any) -> None:
    """Add them to the parsers of `durable-harness`."""
    compare = commands.add_parser("compare", help="say whether one recorded load run is slower than another")
    compare.add_argument("base", type=Path, help="report folder (or summary.json) of the run to compare with")
    compare.add_argument("head", type=Path, help="report folder (or summary.json) of the run in question")
    add_question(compare)
    compare.set_defaults(run=_compare)
    ab = commands.add_parser("ab", help="run two revisions in turn on this machine and say whether head is slower")
    ab.add_argument("--base", required=True, metavar="REV", help="git revision to compare with, such as origin/main")
    ab.add_argument("--head", default=".", metavar="REV", help="revision in question, . for the working tree (default)")
    add_load(ab)
    ab.add_argument("--rate", type=above_zero, default=20.0, metavar="N", help="operations started per second (20)")
    ab.add_argument("--slice", type=above_zero, default=2.0, metavar="SECONDS", help="length of one slice (2)")
    ab.add_argument("--pairs", type=whole, default=60, metavar="N", help="pairs of slices at most (60)")
    ab.add_argument("--warm-up", type=above_zero, default=3.0, metavar="SECONDS", help="discarded load a side (3)")
    add_question(ab)
    ab.set_defaults(run=_ab)


def add_question(parser: argparse.ArgumentParser) -> None:
    """Options that say what is asked, and what becomes of the answer."""
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--metric",
        action="append",
        metavar="'NAME PERCENTILE'",
        help="figure to compare, again for more of them (default: [relative] of --gates, else 'completion_ms p95')",
    )
    group.add_argument("--gates", type=Path, metavar="FILE", help="take the figures from this file's [relative] tables")
    group.add_argument("--effect", type=percents, metavar="PERCENT", help="slowdown that matters (default: 5)")
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
        help="exit code where nobody can tell: pass 0, fail 1, invalid 3 (default)",
    )
    group.add_argument("--report-dir", type=Path, default=REPORT_DIR, metavar="DIR", help=f"(default: {REPORT_DIR})")


def add_load(parser: argparse.ArgumentParser) -> None:
    """Options that say which app gets which operations."""
    group = parser.add_argument_group("load")
    group.add_argument("--app-dir", type=Path, default=Path(), metavar="DIR", help="folder of the function app (.)")
    group.add_argument("--start-path", default="/api/async_http_api", metavar="PATH", help="where a POST starts one")
    group.add_argument(
        "--payload", metavar="JSON|@FILE", help="body of every start; {token} in it is unique (default: the sample's)"
    )
    group.add_argument("--operation-duration", default="0.3-0.7", metavar="S|A-B", help="work asked for (0.3-0.7)")
    group.add_argument("--poll-interval", type=above_zero, default=0.05, metavar="SECONDS", help="(0.05)")
    group.add_argument("--operation-timeout", type=above_zero, default=60.0, metavar="SECONDS", help="(60)")
    group.add_argument("--seed", type=whole, default=0, metavar="N", help="of arrivals, work and order (0)")


def _compare(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.gate.comparison import compare_runs, read_run  # noqa: PLC0415 - see the module's docstring

    wanted = _wanted(options)
    base, head = read_run(options.base), read_run(options.head)
    names = (str(options.base), str(options.head))
    return _tell(compare_runs(base, head, wanted, names, options.max_error_ratio), options)


def _ab(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.experiments.ab import AbOptions, compare_versions  # noqa: PLC0415
    from durable_harness.experiments.revisions import checked_out  # noqa: PLC0415

    given = AbOptions(
        load=offered_load(options),
        wanted=_wanted(options),
        rate_per_s=options.rate,
        slice_s=options.slice,
        warm_up_s=options.warm_up,
        most_pairs=options.pairs,
        max_error_ratio=options.max_error_ratio,
        seed=options.seed,
    )
    with checked_out(options.app_dir, options.base, options.head) as (base, head):
        comparison = compare_versions(base, head, given, _show_progress)
    return _tell(comparison, options)


def _wanted(options: argparse.Namespace) -> tuple[tuple[Figure, Design], ...]:
    from durable_harness.gate import load_gate_file  # noqa: PLC0415
    from durable_harness.gate.comparison import DEFAULT_FIGURE, Design, read_figure  # noqa: PLC0415
    from durable_harness.gate.comparison.figures import Figure, read_percent  # noqa: PLC0415

    relative = load_gate_file(options.gates).relative if options.gates else None
    errors = {"false_alarm_rate": options.false_alarm_rate, "miss_rate": options.power and 1 - options.power}
    if relative:
        errors = {name: getattr(relative, name) if value is None else value for name, value in errors.items()}
    known = {name: value for name, value in errors.items() if value is not None}
    effect = {} if options.effect is None else {"effect": options.effect}
    if options.metric:
        design = Design(**known, **effect)
        return tuple((figure, design) for figure in dict.fromkeys(map(read_figure, options.metric)))
    if relative and relative.gates:
        return tuple(
            (
                Figure(gate.metric, read_percent(gate.statistic)),
                Design(**{"effect": gate.ratio - 1, **known, **effect}),
            )
            for gate in relative.gates
        )
    return ((DEFAULT_FIGURE, Design(**known, **effect)),)


def offered_load(options: argparse.Namespace) -> OfferedLoad:
    """Return the load that the options describe; raise UsageError for what they cannot mean."""
    from durable_harness.experiments.offered import OfferedLoad  # noqa: PLC0415
    from durable_harness.operations import durable_webhooks  # noqa: PLC0415

    low, _, high = options.operation_duration.partition("-")
    try:
        duration_s = (float(low), float(high or low))
    except ValueError:
        duration_s = (math.nan, math.nan)
    if not 0 <= duration_s[0] <= duration_s[1] < math.inf:
        raise UsageError(f"--operation-duration: got '{options.operation_duration}', expected seconds like 0.3-0.7")
    return OfferedLoad(
        service=durable_webhooks(options.start_path),
        payload=_payload(options.payload),
        duration_s=duration_s,
        poll_interval_s=options.poll_interval,
        timeout_s=options.operation_timeout,
    )


def _payload(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise UsageError(f"--payload: {text[1:]} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"--payload: is not JSON ({error})") from None


def _tell(comparison: Comparison, options: argparse.Namespace) -> int:
    from durable_harness.gate.comparison.rendering import render_text, write_all  # noqa: PLC0415

    cannot_tell = CANNOT_TELL_CODES[options.cannot_tell]
    paths = write_all(comparison, options.report_dir, cannot_tell)
    sys.stdout.write(f"{render_text(comparison)}Reports: {', '.join(map(str, paths))}\n")
    return comparison.exit_code(cannot_tell)


def _show_progress(figure: PairedComparison) -> None:
    """Tell how far it is: on one line of a terminal, elsewhere at each planned look."""
    from durable_harness.gate.comparison.results import percent_text  # noqa: PLC0415

    done, most = len(figure.pairs), figure.looks[-1]
    bar = "█" * round(20 * done / most)
    ratio = math.exp(float(sum(figure.log_ratios())) / done)
    line = f"{bar:<20} {done} of at most {most} pairs, {figure.figure.name} {percent_text(ratio)} on average"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}\r" if done < most else "\r\x1b[K")
    elif figure.is_look:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def needs_extra() -> None:
    """Raise UsageError where the packages that load tests need are not installed."""
    try:
        import numpy  # noqa: F401, ICN001, PLC0415 - only looked for
        import pyarrow  # noqa: F401, ICN001, PLC0415 - same
    except ModuleNotFoundError as error:
        raise UsageError(f"needs {error.name}: install durable-harness[load]") from None


def above_zero(text: str) -> float:
    """Read a number above 0, for argparse."""
    return _number(text, "a number above 0", 0.0, math.inf)


def percents(text: str) -> float:
    """Read percents as a ratio, for argparse."""
    return _number(text.rstrip("% "), "percents above 0 and below 100", 0.0, 100.0) / 100


def whole(text: str) -> int:
    """Read a whole number, for argparse."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number, 0 or more")
    return int(text)


def _number(text: str, what: str, above: float, below: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not above < value < below:
        raise argparse.ArgumentTypeError(f"'{text}' is not {what}")
    return value
