"""Is the performance gate right? Count its false alarms and its catches, on apps with work of many kinds.

    python benchmarks/gate_proof.py simulated                 comparisons made up by numbers, thousands in some minutes
    python benchmarks/gate_proof.py real                      real comparisons by `ab`'s own code, for hours
    python benchmarks/gate_proof.py finer                     real ones of +5 %, with an effect of 2.5 %
    python benchmarks/gate_proof.py clocks                    the server's times beside the history of the same instance
    python benchmarks/gate_proof.py synthetic                 recorded runs with autocorrelation, by `compare`
    python benchmarks/gate_proof.py sum                       all real comparisons so far

`real` and `finer` add a line for each comparison to build/gate-proof/*.jsonl and continue where they were stopped. Each
serves the app of gate_proof_app twice; the head is made slower by a file that its activities read. Changes are those of
the judged figure: 2 ms more work in 25 ms are +8 %.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import shutil
import sys
import tempfile
import time
import urllib.request
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from durable_harness.experiments.driver import Driver
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.experiments.paired_comparison import AbOptions, Comparing
from durable_harness.gate.comparison import (
    DEFAULT_FIGURE,
    Decision,
    Design,
    Figure,
    OperationTable,
    Question,
    compare_runs,
)
from durable_harness.operations import durable_webhooks
from durable_harness.operations.wire import read_epoch_s
from durable_harness.stack import RunningStack, embedded_stack
from gate_simulation import CHANGES, WORKS, Setting, Slowdown, Work, simulate, slowdown

HERE = Path(__file__).parent
APP = HERE / "gate_proof_app"
RECORDS = HERE.parent / "build" / "gate-proof"
POLL_INTERVALS_S = (0.05, 0.2, 0.02, 0.005)
SIMULATED_INTERVALS_S = (0.005, 0.05, 0.2, 1.0)
SHORT_WORK_S = 0.1
"""Longer work is not polled every 5 ms: thousands of polls a second would measure the polls."""
ANSWERS = (Decision.SLOWER, Decision.NOT_SLOWER, Decision.CANNOT_TELL)
FINER_CHANGE, FINER_EFFECT, FINER_S = 0.05, 0.025, 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whats = {
        "simulated": simulated,
        "real": real,
        "finer": finer,
        "clocks": clocks,
        "synthetic": synthetic,
        "sum": summed,
    }
    parser.add_argument("what", choices=whats)
    parser.add_argument("--rounds", type=int, default=4, help="comparisons of each kind of work and change (4)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no real comparison after this time")
    parser.add_argument("--share", default="1/1", metavar="K/N", help="make every Nth kind of work, from the Kth on")
    parser.add_argument("--changes", default=None, metavar="0,0.03", help="make only real comparisons of these changes")
    parser.add_argument("--workers", type=int, default=2, help="processes for simulated comparisons (2)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.deadline = time.monotonic() + options.seconds
    try:
        whats[options.what](options)
    except KeyboardInterrupt:
        print("stopped; the same command continues from here")
        return 130
    return 0


# -- real comparisons --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned:
    """One real comparison to make."""

    work: Work
    change: float
    round: int
    poll_interval_s: float
    effect: float = 0.05

    @property
    def key(self) -> list[object]:
        return [self.work.name, self.change, self.round, self.effect]


def real(options: argparse.Namespace) -> None:
    """Compare each kind of work with each change, round by round."""
    wanted = CHANGES if options.changes is None else tuple(map(float, options.changes.split(",")))
    for number in range(options.rounds):
        for work in shared(WORKS, options.share):
            interval_s = POLL_INTERVALS_S[number % len(POLL_INTERVALS_S)]
            if interval_s < 0.01 and work.low_s > SHORT_WORK_S:
                interval_s = POLL_INTERVALS_S[0]
            make([Planned(work, change, number, interval_s) for change in CHANGES if change in wanted], "real", options)
    summed(options)


def finer(options: argparse.Namespace) -> None:
    """Compare constant work with a change of 5 % where 2.5 % matters."""
    for number in range(options.rounds):
        for work in shared([work for work in WORKS if work.is_constant and work.shape == "one"], options.share):
            planned = [Planned(work, change, number, 0.05, FINER_EFFECT) for change in (0.0, FINER_CHANGE)]
            make(planned, "finer", options)
    summed(options)


def shared(works: Iterable[Work], share: str) -> list[Work]:
    first, count = map(int, share.split("/"))
    return list(works)[first - 1 :: count]


def make(planned: list[Planned], name: str, options: argparse.Namespace) -> None:
    """Make those comparisons that are not recorded yet, on one pair of hosts."""
    done = [row["key"] for row in recorded(name)]
    planned = [one for one in planned if one.key not in done]
    if not planned or time.monotonic() > options.deadline:
        return
    with served_twice() as (sides, slower):
        load = load_of(planned[0])
        with Driver(load) as driver:
            figure_ms, work_ms = calibrated(driver, sides[0], load)
            for one in planned:
                slow = slowdown(one.work, one.change, figure_ms, work_ms)
                if one.work.shape != "one":  # the event loop's timers have whole milliseconds
                    parts = 5 if one.work.shape == "row" else 1
                    slow = Slowdown(extra_s=round(1000 * slow.extra_s / parts) / 1000)
                    more_ms = 1000 * slow.extra_s * parts
                else:
                    more_ms = 1000 * slow.extra_s + (slow.factor - 1) * work_ms
                slower.write_text(json.dumps({"factor": slow.factor, "extra_s": slow.extra_s}))
                row = compare_one(driver, sides, one, more_ms, options.seed)
                RECORDS.mkdir(parents=True, exist_ok=True)
                with (RECORDS / f"{name}.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")


def compare_one(driver: Driver, sides: list[RunningStack], one: Planned, more_ms: float, seed: int) -> dict:
    """Make one comparison, of a head whose figure is `more_ms` longer, and return what it found."""
    question = Question(((DEFAULT_FIGURE, Design(effect=one.effect)),))
    seed += zlib.crc32(json.dumps(one.key).encode())
    given = AbOptions(load=driver.load, question=question, warm_up_s=0.5, seed=seed)
    if one.effect == FINER_EFFECT:
        given = replace(given, most_pairs=int(FINER_S / (2 * (given.slice_s + one.work.low_s + 0.1))))
    began = time.monotonic()
    comparison = Comparing(driver, sides, given).run(("base", "head"))
    if comparison.interrupted:
        raise KeyboardInterrupt
    result = comparison.results[0]
    truth = more_ms / result.base if one.work.is_constant else one.change  # work in proportion stays in proportion
    row = {
        "key": one.key,
        "work": one.work.name,
        "change": one.change,
        "more_ms": more_ms,
        "truth": truth,
        "poll_interval_s": one.poll_interval_s,
        "effect": one.effect,
        "verdict": comparison.verdict,
        "change_reported": result.estimate - 1,
        "lower": result.lower,
        "upper": result.upper,
        "visible": result.visible,
        "base_ms": result.base,
        "sample": result.sample,
        "took_s": time.monotonic() - began,
        "notes": list(comparison.notes),
        "invalid": list(comparison.invalid),
        "counts": [count.difference for count in comparison.counts],
    }
    print(
        f"{one.work.name}, {truth:+.1%}, polls every {one.poll_interval_s:g} s: {comparison.verdict}, "
        f"{result.estimate - 1:+.1%}, {result.sample}, {row['took_s']:.0f} s",
        flush=True,
    )
    return row


def load_of(one: Planned) -> OfferedLoad:
    payload = {"seconds": "{duration}", "shape": one.work.shape}
    service = durable_webhooks("/api/work")
    return OfferedLoad(service, payload, durations=one.work, poll_interval_s=one.poll_interval_s)


def calibrated(driver: Driver, side: RunningStack, load: OfferedLoad) -> tuple[float, float]:
    """Return the judged figure of the app as it is and the same percentile of its work, in milliseconds."""
    figures, works = [], []
    for seed in range(8):
        arrivals = load.arrivals(AbOptions().rate_per_s, AbOptions().slice_s, 1000 + seed)
        records = driver.measure(side.base_url, side.function_key, arrivals).records
        if seed:  # the first one warms up
            figures.append(float(np.percentile([record.finish_ms for record in records], 95)))
            works.append(1000 * float(np.percentile([arrival.duration_s for arrival in arrivals], 95)))
    return float(np.median(figures)), float(np.median(works))


@contextlib.contextmanager
def served_twice() -> Iterator[tuple[list[RunningStack], Path]]:
    """Serve two copies of the app; give them, and the file that makes the second one slower."""
    with tempfile.TemporaryDirectory(prefix="gate-proof-") as folder, contextlib.ExitStack() as stacks:
        copies = [Path(shutil.copytree(APP, Path(folder) / side)) for side in ("base", "head")]
        sides = [stacks.enter_context(embedded_stack(copy, serve_args=("--log-level", "error"))) for copy in copies]
        yield sides, copies[1] / "slower.json"


def recorded(name: str) -> list[dict]:
    path = RECORDS / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def summed(_options: argparse.Namespace) -> None:
    """Report all real comparisons, by change and by work."""
    for name in ("real", "finer"):
        rows = recorded(name)
        if not rows:
            continue
        print(f"\n{name}: {len(rows)} comparisons, effect {100 * rows[0]['effect']:g} %")
        for title, key in (("change", "change"), ("work", "work")):
            print(f"{title:>28}  count  slower  not slower  cannot tell  error pp  within  seconds")
            groups: dict[object, list[dict]] = defaultdict(list)
            for row in rows:
                groups[row[key]].append(row)
            for group, mine in sorted(groups.items(), key=str):
                answers = Counter(row["verdict"] for row in mine)
                errors = [100 * abs(row["change_reported"] - row["truth"]) for row in mine]
                within = sum((row["lower"] or 0) <= 1 + row["truth"] <= (row["upper"] or math.inf) for row in mine)
                counts = "  ".join(
                    f"{answers[answer]:>{width}}" for answer, width in zip(ANSWERS, (6, 10, 11), strict=True)
                )
                label = f"{group:+.0%}" if isinstance(group, float) else str(group)
                print(
                    f"{label:>28}  {len(mine):>5}  {counts}  {np.median(errors):>8.2f}  {within / len(mine):>6.0%}"
                    f"  {np.median([row['took_s'] for row in mine]):>7.0f}"
                )


# -- simulated comparisons ---------------------------------------------------------------------------------------------


def simulated(options: argparse.Namespace) -> None:
    """Make comparisons of every kind up and count their answers."""
    settings = [Setting(work, 0.05, has_fine_times=True) for work in WORKS if work.shape == "one"]
    settings += [
        Setting(work, interval_s, has_fine_times=False, slice_s=max(0.5, interval_s))
        for interval_s in SIMULATED_INTERVALS_S
        for work in WORKS
        if work.shape == "one"
    ]
    jobs = [(setting, change, options.rounds, options.seed) for setting in settings for change in CHANGES]
    jobs += [
        (Setting(work, 0.05, has_fine_times=True, effect=FINER_EFFECT, most_s=FINER_S, most_pairs=400), 0.05,
         options.rounds, options.seed)
        for work in WORKS if work.is_constant and work.shape == "one"
    ]  # fmt: skip
    heads = f"{'work':>28} {'times':>8} {'polls':>6} {'effect':>6} {'change':>6}"
    print(f"{heads}  slower  not  unsure  error pp  within  seconds")
    totals: dict[tuple[str, float, float], Counter[str]] = defaultdict(Counter)
    with ProcessPoolExecutor(options.workers) as pool:
        for (setting, change, _, _), found in zip(jobs, pool.map(_simulated, jobs), strict=True):
            answers, errors, within, seconds = found
            times = "fine" if setting.has_fine_times else "seconds"
            totals[times, setting.effect, change].update(answers)
            counts = " ".join(f"{answers[answer]:>{width}}" for answer, width in zip(ANSWERS, (7, 4, 7), strict=True))
            print(
                f"{setting.work.name:>28} {times:>8} {setting.poll_interval_s:>6g} {setting.effect:>6.1%} "
                f"{change:>+6.0%} {counts} {errors:>9.2f} {within:>7.0%} {seconds:>8.0f}",
                flush=True,
            )
    for (times, effect, change), answers in totals.items():
        print(f"all works, times {times}, effect {effect:.1%}, {change:+.0%}: {dict(answers)}")


def _simulated(job: tuple[Setting, float, int, int]) -> tuple[Counter[str], float, float, float]:
    setting, change, rounds, seed = job
    found = [simulate(setting, change, seed + 1 + number) for number in range(rounds)]
    return (
        Counter(one.result.answer.value for one in found),
        float(np.median([100 * abs(one.result.estimate - 1 - one.change) for one in found])),
        float(np.mean([(one.result.lower or 0) <= 1 + one.change <= (one.result.upper or math.inf) for one in found])),
        float(np.median([one.took_s for one in found])),
    )


# -- recorded runs, and clocks -----------------------------------------------------------------------------------------


def synthetic(options: argparse.Namespace) -> None:
    """Compare made-up runs whose neighbours are alike, as those of a real run are."""
    print(
        f"{'memory':>6} {'operations':>10} {'figure':>18} {'change':>6} {'slower':>7} {'not slower':>10} {'unsure':>6}"
    )
    for memory, operations in ((0.0, 2000), (0.5, 4000), (0.9, 10_000), (0.97, 20_000)):
        for percent in (50.0, 95.0):
            for change in (0.0, 0.1):
                rng = np.random.default_rng(options.seed)
                question = Question(((Figure("finish_ms", percent), Design()),))
                answers = Counter(
                    compare_runs(
                        made_up(rng, operations, memory, 1.0), made_up(rng, operations, memory, 1 + change), question
                    ).answer
                    for _ in range(25 * options.rounds)
                )
                counts = [answers[answer] for answer in ANSWERS]
                name = f"finish_ms p{percent:g}"
                print(
                    f"{memory:6} {operations:10,} {name:>18} {change:+6.0%} {counts[0]:7} {counts[1]:10} {counts[2]:6}"
                )


def made_up(rng: np.random.Generator, operations: int, memory: float, slower: float) -> OperationTable:
    """Return a run in which each latency remembers the one before."""
    noise = rng.standard_normal(operations) * math.sqrt(1 - memory**2)
    state, latencies_s = rng.standard_normal(), []
    for kick in noise:
        state = memory * state + kick
        latencies_s.append(0.5 * slower * math.exp(0.15 * state))
    return OperationTable.from_rows(
        {
            "intended_s": at,
            "sent_s": at,
            "seen_s": at + latency_s,
            "server_updated_s": at + latency_s,
            "state": "completed",
        }
        for at, latency_s in enumerate(latencies_s)
    )


def clocks(_options: argparse.Namespace) -> None:
    """Compare the server's times of operations under load with the histories of the same instances."""
    for work in (WORKS[0], WORKS[6], WORKS[9], WORKS[10]):
        load = load_of(Planned(work, 0.0, 0, 0.05))
        with served_twice() as (sides, _), Driver(load) as driver:
            records = driver.measure(sides[0].base_url, None, load.arrivals(30.0, 5.0, 1)).records
            errors_ms = [
                1000 * abs(moment - history_moment)
                for record in records
                for moment, history_moment in zip(
                    (record.server_running_epoch_s, record.server_updated_epoch_s),
                    history_times(sides[0].base_url, record.instance_id),
                    strict=True,
                )
            ]
        most = f"{max(errors_ms):.4f} ms"
        print(f"{work.name}: {len(records)} operations, begin and end differ from the history by at most {most}")


def history_times(base_url: str, instance_id: str) -> tuple[float, float]:
    """Return the first turn and the end in an instance's recorded history, in seconds since the epoch."""
    url = f"{base_url}/runtime/webhooks/durabletask/instances/{instance_id}/history"
    with urllib.request.urlopen(url) as answer:
        events = json.load(answer)["events"]
    begun = next(event for event in events if "orchestratorStarted" in event)
    ended = next(event for event in reversed(events) if "executionCompleted" in event)
    return tuple(read_epoch_s(event["timestamp"]) for event in (begun, ended))


if __name__ == "__main__":
    sys.exit(main())
