"""Detection lag against polls per operation, for every poll strategy: simulated, and once on the embedded stack.

The simulation drives the real strategy classes with drawn durations; a poll takes 2 ms. Adaptive polling gets the polls
that exponential polling took, once with a server that shows when an operation ended and once with one that does not.
The first operations of a simulation, from which adaptive polling learns, are in no figure.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from durable_harness.operations import PollStrategy, poll_strategy
from durable_harness.stack import embedded_stack

APP = Path(__file__).parent.parent
OUTPUT = APP / "build" / "polling.json"
OPERATIONS, LEARNING = 4000, 300
POLL_S = 0.002
SEEDS = (1, 2, 3)
INTERVALS_S = (0.1, 0.2, 0.4)
RETRY_AFTER_S = 1.0
"""What the sample app's status route asks for."""
RUN_S, WARM_UP_S = 30, 6
RUN_DURATIONS = "0.2-0.4:70,1-1.4:30"


class Point(NamedTuple):
    """What a strategy came to: averages over the operations, and the lag that 95 % of them kept to."""

    polls: float
    lag_ms: float
    p95_ms: float


Draw = Callable[[random.Random], float]
DISTRIBUTIONS: dict[str, Draw] = {
    "fixed: 1 s": lambda _: 1.0,
    "log-normal: median 1 s, sigma 0.5": lambda chance: chance.lognormvariate(0, 0.5),
    "bimodal: 0.5 s (70 %), 3 s (30 %)": lambda chance: (
        chance.gauss(0.5, 0.05) if chance.random() < 0.7 else chance.gauss(3, 0.3)
    ),
    "exponential: mean 1 s": lambda chance: 0.01 + chance.expovariate(1),
}


def simulate(strategy: PollStrategy, draw: Draw, seed: int, *, is_end_reported: bool = True) -> Point:
    """Follow operations one after the other with one strategy."""
    chance = random.Random(seed)
    followed = [follow(strategy, draw(chance), is_end_reported=is_end_reported) for _ in range(OPERATIONS)][LEARNING:]
    lags_ms = sorted(1000 * lag_s for lag_s, _ in followed)
    polls = statistics.mean(polls for _, polls in followed)
    return Point(polls, statistics.mean(lags_ms), lags_ms[int(0.95 * len(lags_ms))])


def follow(strategy: PollStrategy, duration_s: float, *, is_end_reported: bool) -> tuple[float, int]:
    elapsed_s, polls = 0.0, 0
    while elapsed_s < duration_s:
        before_s = elapsed_s
        elapsed_s += strategy.delay_s(polls, RETRY_AFTER_S, elapsed_s) + POLL_S
        polls += 1
    strategy.learn(after_s=before_s, by_s=elapsed_s, finished_s=duration_s if is_end_reported else None)
    return elapsed_s - duration_s, polls


def median(points: list[Point]) -> Point:
    """Return the median of each figure over the seeds."""
    return Point(*map(statistics.median, zip(*points, strict=True)))


def simulated(draw: Draw) -> Iterator[tuple[str, Point, float | None]]:
    """Yield the strategies' points with the share of exponential polling's lag that adaptive polling saves."""

    def over_seeds(name: str, interval_s: float, budget: float = 3.0, *, is_end_reported: bool = True) -> Point:
        points = []
        for seed in SEEDS:
            random.seed(seed)  # jitter
            points.append(
                simulate(poll_strategy(name, interval_s, budget), draw, seed, is_end_reported=is_end_reported)
            )
        return median(points)

    for interval_s in INTERVALS_S:
        yield f"fixed, {interval_s:g} s", over_seeds("fixed", interval_s), None
    yield f"server, Retry-After {RETRY_AFTER_S:g} s", over_seeds("server", 0.2), None
    for interval_s in INTERVALS_S:
        exponential = over_seeds("exponential", interval_s)
        yield f"exponential, from {interval_s:g} s", exponential, None
        for is_end_reported in (True, False):
            point = over_seeds("adaptive", interval_s, exponential.polls, is_end_reported=is_end_reported)
            how = "end reported" if is_end_reported else "end not reported"
            yield f"  adaptive, same polls, {how}", point, 1 - point.lag_ms / exponential.lag_ms


def measured(folder: Path) -> Iterator[tuple[str, Point, float | None]]:
    """Yield the points of real runs against one embedded stack: the same seed, so the same operations in each."""
    with embedded_stack(APP, log_path=folder / "stack.log") as stack:
        for name in ("fixed", "server"):
            yield name, run(stack.base_url, folder, name), None
        exponential = run(stack.base_url, folder, "exponential")
        yield "exponential", exponential, None
        adaptive = run(stack.base_url, folder, "adaptive", "--poll-budget", f"{exponential.polls:.2f}")
        yield "  adaptive, same polls", adaptive, 1 - adaptive.lag_ms / exponential.lag_ms


def run(base_url: str, folder: Path, name: str, *arguments: str) -> Point:
    options = ["--poll-strategy", name, "--operation-duration", RUN_DURATIONS, "--warm-up", str(WARM_UP_S), *arguments]
    # The app's own status route, whose Retry-After is a second; the webhooks' is five to ten.
    options += ["--status-source", "app", "--rate", "10", "-t", f"{RUN_S}s", "--gates", "none"]
    command = [sys.executable, "-m", "locust", "-f", str(APP / "loadtests"), "--headless", "--only-summary"]
    command += ["--host", base_url, "--report-dir", str(folder / name), *options, "Steady"]
    subprocess.run(command, check=True, capture_output=True)
    summary = json.loads((folder / name / "summary.json").read_text())
    lag = summary["latencies"]["detection_lag_ms"]
    return Point(summary["polls_per_operation"]["mean"], lag["mean"], lag["p95"])


def show(title: str, rows: Iterator[tuple[str, Point, float | None]]) -> dict[str, dict[str, float | None]]:
    """Print a table as its rows come, and return its figures."""
    print(f"\n{title}\n{'':38}{'polls':>7}{'lag ms':>9}{'p95 ms':>9}  less lag than exponential")
    figures: dict[str, dict[str, float | None]] = {}
    above = ""
    for name, point, saved in rows:
        gain = "" if saved is None else f"{saved:.0%}"
        print(f"{name:38}{point.polls:7.2f}{point.lag_ms:9.1f}{point.p95_ms:9.1f}  {gain}")
        above = name if saved is None else above
        figures[name if saved is None else f"{above}: {name.strip()}"] = {**point._asdict(), "saved": saved}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-run", action="store_true", help="only simulate")
    arguments = parser.parse_args()
    figures = {title: show(f"Simulated, {title}", simulated(draw)) for title, draw in DISTRIBUTIONS.items()}
    if not arguments.no_run:
        with tempfile.TemporaryDirectory() as folder:
            title = f"embedded stack, work of {RUN_DURATIONS} s, {RUN_S - WARM_UP_S} s measured"
            figures[title] = show(f"Measured, {title}", measured(Path(folder)))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
