"""Does the performance gate tell the truth? Count its false alarms and its catches.

    python benchmarks/gate_proof.py synthetic                 runs with autocorrelation, by `compare`
    python benchmarks/gate_proof.py real --comparisons 10     base against head by `ab`, on the sample app
    python benchmarks/gate_proof.py resampled                 what `real` recorded, drawn anew 1,000 times
    python benchmarks/gate_proof.py sum                       all real comparisons so far

`real` adds a line for each comparison to build/gate-proof/real.jsonl, so it can be run in pieces. Half of the
comparisons are of the sample app with itself (A/A), half with a copy that is 10 % slower (A/B), in turn because its
activity lasts 10 % longer, and because the host takes that much longer before it begins the activity.
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
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from durable_harness.experiments.ab import AbOptions, compare_versions
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.experiments.revisions import Version
from durable_harness.gate.comparison import Answer, Design, Figure, Operations, PairedComparison, compare_runs
from durable_harness.gate.comparison.ranks import signed_rank_interval

REPOSITORY = Path(__file__).parents[1]
RECORD = REPOSITORY / "build" / "gate-proof" / "real.jsonl"
SLOWDOWN = 1.1
FIGURE, DESIGN = Figure("completion_ms", 95.0), Design()
ANCHOR = "started + duration_s * step"
DURATION_S = (0.05, 0.1)
HOST_DELAY_S = (SLOWDOWN - 1) * sum(DURATION_S) / 2
SLOW_HOST = f"""

from durable_harness.host.worker import DurableWorker

begin_activity = DurableWorker._activity


async def begin_late(self, item):
    await asyncio.sleep({HOST_DELAY_S})
    await begin_activity(self, item)


DurableWorker._activity = begin_late
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("synthetic", "real", "resampled", "sum"))
    parser.add_argument("--comparisons", type=int, default=100, help="of each kind, A/A and A/B (100)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no real comparison after so long")
    parser.add_argument("--slice", type=float, default=0.5)
    parser.add_argument("--rate", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    {"synthetic": synthetic, "real": real, "resampled": resampled, "sum": lambda _: summed()}[options.what](options)
    return 0


def synthetic(options: argparse.Namespace) -> None:
    """Compare made-up runs whose neighbours are alike, as those of a real run are."""
    print(f"{'memory':>6} {'operations':>10} {'figure':>18} {'kind':>5} {'slower':>7} {'not slower':>10} {'unsure':>6}")
    for memory, operations in ((0.0, 2000), (0.5, 4000), (0.9, 10_000), (0.97, 20_000)):
        for percent in (50.0, 95.0):
            for kind, slower in (("A/A", 1.0), ("A/B", SLOWDOWN)):
                rng = np.random.default_rng(options.seed)
                answers = Counter(
                    compare_runs(
                        made_up(rng, operations, memory, 1.0),
                        made_up(rng, operations, memory, slower),
                        [(Figure("completion_ms", percent), DESIGN)],
                    ).answer
                    for _ in range(options.comparisons)
                )
                counts = [answers[answer] for answer in (Answer.SLOWER, Answer.NOT_SLOWER, Answer.CANNOT_TELL)]
                name = f"completion_ms p{percent:g}"
                print(f"{memory:6} {operations:10,} {name:>18} {kind:>5} {counts[0]:7} {counts[1]:10} {counts[2]:6}")


def made_up(rng: np.random.Generator, operations: int, memory: float, slower: float) -> Operations:
    """Return a run of which each latency remembers the one before."""
    noise = rng.standard_normal(operations) * math.sqrt(1 - memory**2)
    state, latencies_s = rng.standard_normal(), []
    for kick in noise:
        state = memory * state + kick
        latencies_s.append(0.5 * slower * math.exp(0.15 * state))
    return Operations.from_rows(
        {"intended_s": at, "sent_s": at, "seen_s": at + latency_s, "state": "completed"}
        for at, latency_s in enumerate(latencies_s)
    )


def real(options: argparse.Namespace) -> None:
    """Run base against head; each comparison starts both stacks anew."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    load = OfferedLoad(duration_s=DURATION_S, poll_interval_s=0.01)
    began = time.monotonic()
    with sample_app() as same, sample_app(activity=SLOWDOWN) as activity, sample_app(host=SLOW_HOST) as host:
        heads = (("A/A", "", same), ("A/B", "activity", activity), ("A/A", "", same), ("A/B", "host", host))
        for index in range(2 * options.comparisons):
            if time.monotonic() - began > options.seconds:
                break
            kind, where, head = heads[index % len(heads)]
            pairs = [PairedComparison(FIGURE, DESIGN, AbOptions().most_pairs)]
            given = AbOptions(
                load=load,
                wanted=((FIGURE, DESIGN),),
                rate_per_s=options.rate,
                slice_s=options.slice,
                warm_up_s=1.0,
                seed=options.seed + index,
            )
            at = time.monotonic()
            comparison = compare_versions(Version("base", same), Version("head", head), given, pairs.append)
            result = comparison.results[0]
            row = {
                "kind": kind,
                "where": where,
                "verdict": comparison.verdict,
                "ratio": result.ratio,
                "pairs": len(pairs[-1].pairs),
                "took_s": time.monotonic() - at,
                "log_ratios": [round(math.log(pair[1] / pair[0]), 5) for pair in pairs[-1].pairs],
                "setup": [options.rate, options.slice, *load.duration_s],
            }
            with RECORD.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"{kind} {where} {comparison.verdict}: {row['ratio']:.3f}, {row['pairs']} pairs, {row['took_s']:.1f} s",
                flush=True,
            )
    summed()


@contextlib.contextmanager
def sample_app(activity: float = 1.0, host: str = "") -> Iterator[Path]:
    """Give a copy of the sample app: its activity lasts longer by a factor, or its host is made slower."""
    with tempfile.TemporaryDirectory(prefix="gate-proof-") as folder:
        app = Path(folder)
        for name in ("host.json", "local.settings.json"):
            shutil.copy(REPOSITORY / name, app)
        source = (REPOSITORY / "function_app.py").read_text()
        assert ANCHOR in source, "the sample app's activity has changed: adapt ANCHOR"
        (app / "function_app.py").write_text(source.replace(ANCHOR, f"started + {activity} * duration_s * step") + host)
        yield app


def recorded() -> list[dict]:
    if not RECORD.exists():
        sys.exit(f"{RECORD} is not there: run `real` first")
    return [json.loads(line) for line in RECORD.read_text().splitlines()]


def summed() -> None:
    """Say what all real comparisons came to."""
    rows = recorded()
    for kind in ("A/A", "A/B"):
        mine = [row for row in rows if row["kind"] == kind]
        if mine:
            answers = Counter(row["verdict"] for row in mine)
            pairs, took = (float(np.mean([row[name] for row in mine])) for name in ("pairs", "took_s"))
            ratios = np.array([row["ratio"] for row in mine])
            print(
                f"{kind}: {len(mine)} comparisons: {dict(answers)}; ratio {ratios.mean():.3f} ± {ratios.std():.3f}; "
                f"{pairs:.1f} pairs, {took:.1f} s each"
            )


def resampled(options: argparse.Namespace) -> None:
    """Draw comparisons from the recorded pairs: with signs by lot for A/A, as they were for A/B."""
    rng = np.random.default_rng(options.seed)
    looks = PairedComparison(FIGURE, DESIGN, AbOptions().most_pairs).looks
    share = DESIGN.shared_by(len(looks))
    for kind in ("A/A", "A/B"):
        pool = np.concatenate([row["log_ratios"] for row in recorded() if row["kind"] == kind])
        answers: Counter[str] = Counter()
        lengths = []
        for _ in range(10 * options.comparisons):
            drawn = rng.choice(pool, looks[-1])
            if kind == "A/A":  # which of two equal versions is called the head is arbitrary
                drawn = drawn * rng.choice([-1.0, 1.0], looks[-1])
            for look in looks:
                answer = DESIGN.decide(signed_rank_interval(drawn[:look], share.false_alarm_rate, share.miss_rate))
                if answer is not Answer.CANNOT_TELL:
                    break
            answers[answer.value] += 1
            lengths.append(look)
        print(f"{kind}: {dict(answers)} of {10 * options.comparisons}; {np.mean(lengths):.1f} pairs on average")


if __name__ == "__main__":
    sys.exit(main())
