"""Operations made up by numbers, for the proof of the gate: the same load, poll strategies and statistics as real ones.

A slice's operations have a start, some overhead of the host (both log-normal, faster or slower from slice to slice, now
and then with a hiccup), their work, and polls by the strategy that load runs use. The times that a service reports are
fine, or whole seconds and so useless.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from random import Random

import numpy as np

from durable_harness.experiments.offered import OfferedArrival
from durable_harness.gate.comparison import (
    DEFAULT_FIGURE,
    SEEN_FIGURE,
    Decision,
    Design,
    FigureResult,
    OperationTable,
    PairedComparison,
)
from durable_harness.gate.comparison.ranks import centre
from durable_harness.operations import FixedPolling

START_MS, OVERHEAD_MS, SPREAD = 2.0, 4.0, 0.3
DRIFT = 0.1
HICCUP_SHARE, HICCUP_MS = 0.01, 10.0
POLL_MS = 0.5
CALIBRATION = 8000
CORRECTIONS = 6


@dataclass(frozen=True)
class Work:
    """How long operations work, and in which shape."""

    name: str
    low_s: float
    high_s: float = 0.0
    kind: str = "constant"
    shape: str = "one"

    def pick_s(self, random: Random) -> float:
        """Draw the work of one operation."""
        match self.kind:
            case "two-valued":
                return self.high_s if random.random() < 0.2 else self.low_s
            case "even":
                return random.uniform(self.low_s, self.high_s)
            case "log-normal":
                return self.low_s * math.exp(0.5 * random.gauss(0.0, 1.0))
        return self.low_s

    @property
    def is_constant(self) -> bool:
        return self.kind == "constant"


WORKS = (
    *(Work(f"constant {ms} ms", ms / 1000) for ms in (20, 60, 160, 205, 248, 1000)),
    Work("two-valued 60 or 180 ms", 0.06, 0.18, "two-valued"),
    Work("even 100 to 300 ms", 0.1, 0.3, "even"),
    Work("log-normal, median 150 ms", 0.15, kind="log-normal"),
    Work("five in a row, 150 ms", 0.15, shape="row"),
    Work("fan-out of ten, 100 ms", 0.1, shape="fan"),
)
CHANGES = (-0.1, 0.0, 0.03, 0.1, 0.12, 0.2, 0.3)


@dataclass(frozen=True)
class Slowdown:
    """What makes the head slower: each operation's work by a factor and by seconds."""

    factor: float = 1.0
    extra_s: float = 0.0


def slowdown(work: Work, change: float, figure_ms: float, work_ms: float) -> Slowdown:
    """Return what changes the judged figure by a relative change.

    `figure_ms` is the figure of the base, `work_ms` the same percentile of its work. Constant work gets some more
    milliseconds, work that varies is made longer in proportion.
    """
    more_ms = change * figure_ms
    return Slowdown(extra_s=more_ms / 1000) if work.is_constant else Slowdown(factor=1 + more_ms / work_ms)


@dataclass(frozen=True)
class Simulated:
    """One simulated comparison."""

    result: FigureResult
    change: float
    """The true one of the judged figure."""
    pairs: int
    took_s: float
    """How long it would have taken: slices and the work that they wait for."""


@dataclass(frozen=True)
class Setting:
    """What a simulated comparison is made of."""

    work: Work
    poll_interval_s: float
    has_fine_times: bool
    effect: float = 0.05
    rate_per_s: float = 30.0
    slice_s: float = 0.5
    most_pairs: int = 120
    most_s: float = math.inf
    """How long it may take."""


def simulate(setting: Setting, change: float, seed: int) -> Simulated:
    """Compare made-up slices until there is an answer."""
    figure = DEFAULT_FIGURE if setting.has_fine_times else SEEN_FIGURE
    comparison = PairedComparison(figure, Design(effect=setting.effect), setting.most_pairs)
    slower, truth = calibrated(setting, change)
    random, rng = Random(seed), np.random.default_rng(seed)
    took_s = 0.0
    while True:
        arrivals = _arrivals(setting, random)
        sides = [_operations(setting, arrivals, slow, rng) for slow in (Slowdown(), slower)]
        comparison.add(sides[0], sides[1])
        took_s += 2 * (setting.slice_s + max(arrival.duration_s for arrival in arrivals))
        if not comparison.is_look and took_s < setting.most_s:
            continue
        result = comparison.result()
        is_last = len(comparison) >= comparison.looks[-1] or took_s >= setting.most_s
        if result.answer is not Decision.CANNOT_TELL or is_last:
            return Simulated(result, truth, len(comparison), took_s)


@functools.cache
def calibrated(setting: Setting, change: float) -> tuple[Slowdown, float]:
    """Return what slows the head down by a relative change of its figure, and the change that this makes.

    A figure that is seen by polls moves by less than its work where the work varies: the slowdown is corrected until
    the change is right. A change that no slowdown makes is as near as can be.
    """
    figure = DEFAULT_FIGURE if setting.has_fine_times else SEEN_FIGURE
    count = CALIBRATION // round(setting.rate_per_s * setting.slice_s)

    def made(slow: Slowdown) -> tuple[float, list[list[OfferedArrival]]]:
        random, rng = Random(0), np.random.default_rng(0)
        parts = [_arrivals(setting, random) for _ in range(count)]
        values = [figure.of(_operations(setting, part, slow, rng).values(figure.metric)) for part in parts]
        return math.exp(centre(np.log(values))), parts

    base_ms, parts = made(Slowdown())
    work_ms = float(np.median([1000 * np.percentile([arrival.duration_s for arrival in part], 95) for part in parts]))
    wanted, slow, found = change, Slowdown(), 0.0
    for _ in range(CORRECTIONS if change else 0):
        slow = slowdown(setting.work, wanted, base_ms, work_ms)
        found = made(slow)[0] / base_ms - 1
        if found * change <= 0:
            wanted *= 2
        else:
            wanted *= min(2.0, max(0.5, change / found))
    return slow, found


def _arrivals(setting: Setting, random: Random) -> list[OfferedArrival]:
    count = round(setting.rate_per_s * setting.slice_s)
    return [
        OfferedArrival(index / setting.rate_per_s, setting.work.pick_s(random), 1 - random.random())
        for index in range(count)
    ]


def _operations(
    setting: Setting, arrivals: list[OfferedArrival], slower: Slowdown, rng: np.random.Generator
) -> OperationTable:
    drift = math.exp(DRIFT * rng.standard_normal())
    count = len(arrivals)
    starts_ms, overheads_ms = (
        middle * drift * np.exp(SPREAD * rng.standard_normal(count)) for middle in (START_MS, OVERHEAD_MS)
    )
    overheads_ms = overheads_ms + np.where(rng.random(count) < HICCUP_SHARE, rng.exponential(HICCUP_MS, count), 0.0)
    polling = FixedPolling(setting.poll_interval_s)
    rows = []
    for arrival, start_ms, overhead_ms in zip(arrivals, starts_ms, overheads_ms, strict=True):
        work_s = max(0.0, arrival.duration_s * slower.factor + slower.extra_s)
        intended_s = 1_000_000 + arrival.offset_s
        accepted_s = intended_s + start_ms / 1000
        ended_s = accepted_s + overhead_ms / 1000 + work_s
        pending_s, polls = accepted_s, 0
        seen_s = accepted_s + polling.delay_s(0, None, phase=arrival.poll_phase) + POLL_MS / 1000
        while seen_s < ended_s:
            pending_s, polls = seen_s, polls + 1
            seen_s += polling.delay_s(polls, None) + POLL_MS / 1000
        rows.append(
            {
                "intended_s": intended_s,
                "sent_s": intended_s,
                "accepted_s": accepted_s,
                "last_pending_s": pending_s,
                "seen_s": seen_s,
                "ended_s": seen_s,
                "server_updated_s": ended_s if setting.has_fine_times else math.floor(ended_s),
                "server_update_is_coarse": not setting.has_fine_times,
                "polls": polls + 1,
                "state": "completed",
                "workload": "open",
            }
        )
    return OperationTable.from_rows(rows)
