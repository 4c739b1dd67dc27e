"""Prove on the user's own machine and app what `ab` can see: equal against equal, and with an injected delay."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from durable_harness.errors import INTERRUPTED, InvalidRunError, UsageError
from durable_harness.experiments.driver import Driver
from durable_harness.experiments.paired_comparison import AbOptions, Comparing
from durable_harness.experiments.revisions import Version
from durable_harness.gate.comparison import Comparison, Decision, Design, FigureResult
from durable_harness.gate.comparison.comparison_results import change_text, percent_text
from durable_harness.gate.comparison.pairs import plan_looks
from durable_harness.gate.comparison.ranks import Values, centre, signed_rank_interval
from durable_harness.gate.report.model import number
from durable_harness.stack import RunningStack, StackControl, embedded_stack

DELAY_IN_EFFECTS = 2.0
"""How many times the effect that matters is injected: a change that a gate has to catch."""
DELAYED_METRICS = ("finish_ms", "completion_ms", "server_completion_ms", "execution_ms")
"""Those that an injected delay lengthens: it comes after the first turn was dispatched, before the app sees it."""
DRAWN, DRAWN_FOR_EACH = 1000, 400
"""Comparisons that are drawn from the recorded pairs: of equals, and for each change that is tried."""
CAUGHT_SHARE = 0.95
FINEST, COARSEST = 0.001, 1.0
"""Between these relative changes the smallest one that is caught is searched for."""
BISECTIONS = 9
"""Halvings of the search, on a logarithmic scale: the change that is found is exact to 1.4 % of itself."""
SEED_STEP = 1_000_000
"""Between the seeds of two comparisons: each slice has a seed of its own, counted up from there."""


@dataclass(frozen=True, slots=True)
class SelfCheckTrial:
    """One comparison of the app with itself."""

    result: FigureResult
    """The judged figure."""
    seconds: float
    """How long the answer took, without serving."""
    log_ratios: Values
    """Of each pair."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Comparisons of one kind and how they ended."""

    change: float
    """The true relative change of the judged figure; 0 for equal against equal."""
    answers: Mapping[str, int]
    """How many comparisons gave each answer."""
    reported: float | None
    """The median of the reported relative changes; None without comparisons, as are the other medians."""
    seconds: float | None
    pairs: float | None

    @classmethod
    def of(cls, trials: Sequence[SelfCheckTrial], change: float) -> Trials:
        """Return the sums of comparisons."""
        return cls(
            change,
            _tallied(trial.result.answer for trial in trials),
            reported=_median([trial.result.estimate - 1 for trial in trials]),
            seconds=_median([trial.seconds for trial in trials]),
            pairs=_median([len(trial.log_ratios) for trial in trials]),
        )

    @property
    def count(self) -> int:
        return sum(self.answers.values())


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The results of the comparisons."""

    app: str
    figure: str
    value: float
    """The judged figure of the app as it is, in its unit."""
    unit: str
    effect: float
    equal: Trials
    delayed: Trials
    drawn_alarms: int
    """Comparisons of equals that were called slower, of DRAWN drawn from the recorded pairs."""
    smallest_caught: float | None
    """The smallest relative change that is caught in 95 of 100 drawn comparisons; None if no change is."""
    interrupted: bool = False
    """Whether a signal ended it before all comparisons were made."""

    @property
    def exit_code(self) -> int:
        """Return 0 if every answer was right, 1 if one was wrong, 3 if one is missing, 130 if it was interrupted."""
        if self.interrupted:
            return INTERRUPTED
        wrong = self.equal.answers[Decision.SLOWER] + self.delayed.answers[Decision.NOT_SLOWER]
        if wrong:
            return 1
        unsure = self.equal.answers[Decision.CANNOT_TELL] + self.delayed.answers[Decision.CANNOT_TELL]
        return InvalidRunError.exit_code if unsure else 0


def check_self(
    version: Version, options: AbOptions, comparisons: int, progress: Callable[[str], None] = lambda _: None
) -> SelfCheck:
    """Serve one revision twice and compare it with itself, as it is and with a delay in front of each operation.

    Raises UsageError for a question that asks for more than one latency, or for one that an injected delay does not
    lengthen, and what keeps the app from starting.
    """
    if len(options.question.figures) > 1 or options.question.counts:
        raise UsageError("--aa judges one latency: give one --metric, and no count.")
    for figure, _ in options.question.figures:
        if figure.metric not in DELAYED_METRICS:
            expected = ", ".join(DELAYED_METRICS)
            raise UsageError(
                f"--aa injects a delay, which does not lengthen {figure.metric}. Expected one of {expected}."
            )
    equal: list[SelfCheckTrial] = []
    delayed: list[SelfCheckTrial] = []
    interrupted = False
    try:
        with contextlib.ExitStack() as stacks:
            sides = [stacks.enter_context(_served(version)) for _ in range(2)]
            options = replace(options, load=options.before.prepare(options.load, sides[0]))
            driver = stacks.enter_context(Driver(options.load))
            check = _Check(driver, sides, options, progress)
            for trial in check.compare(comparisons, 0.0, "equal against equal"):
                equal.append(trial)  # noqa: PERF402 - an interruption must not lose those before
            base, change = _base(equal), _change(equal)
            with _delayed(sides[1], change * base / 1000):
                for trial in check.compare(comparisons, change, f"{number(change * base)} ms injected"):
                    delayed.append(trial)  # noqa: PERF402 - same
    except KeyboardInterrupt:
        if not equal:
            raise
        interrupted = True
    # A lasting difference between two processes of one version belongs to the false alarms, the delay does not.
    equals = np.concatenate([trial.log_ratios for trial in equal])
    pairs = np.concatenate([equals, *(_noise(trial) for trial in delayed)])
    first = equal[0].result
    return SelfCheck(
        app=version.app_dir.resolve().name,
        figure=first.figure.name,
        value=_base(equal),
        unit=first.figure.unit,
        effect=first.design.effect,
        equal=Trials.of(equal, 0.0),
        delayed=Trials.of(delayed, _change(equal)),
        drawn_alarms=drawn_answers(equals, 0.0, first.design, options.most_pairs, options.seed)[Decision.SLOWER],
        smallest_caught=smallest_caught(pairs, first.design, options.most_pairs, options.seed),
        interrupted=interrupted,
    )


def _noise(trial: SelfCheckTrial) -> Values:
    """Return how the pairs of a comparison scatter about their centre."""
    return trial.log_ratios - centre(trial.log_ratios)


def _base(equal: Sequence[SelfCheckTrial]) -> float:
    """Return the judged figure of the app as it is."""
    return float(np.median([trial.result.base for trial in equal]))


def _change(equal: Sequence[SelfCheckTrial]) -> float:
    """Return the relative change to inject."""
    return DELAY_IN_EFFECTS * equal[0].result.design.effect


@contextlib.contextmanager
def _served(version: Version) -> Iterator[RunningStack]:
    with embedded_stack(
        version.app_dir,
        serve_args=("--test-control",),
        environment=version.environment,
        python=version.python,
    ) as stack:
        yield stack


@contextlib.contextmanager
def _delayed(stack: RunningStack, delay_s: float) -> Iterator[None]:
    """Hold the first turn of each orchestration for a while."""
    control = stack.control
    assert isinstance(control, StackControl)
    rule = {"fault": "delay", "kinds": ["start"], "names": [], "count": None, "probability": 1.0, "seed": "self-check"}
    fault = control.call("faults/inject", **rule, least_s=delay_s, most_s=delay_s)
    try:
        yield
    finally:
        control.call("faults/end", number=fault)


class _Check:
    def __init__(
        self, driver: Driver, sides: Sequence[RunningStack], options: AbOptions, progress: Callable[[str], None]
    ) -> None:
        self._driver, self._sides, self._options, self._progress = driver, sides, options, progress
        self._made = 0

    def compare(self, count: int, change: float, words: str) -> Iterator[SelfCheckTrial]:
        """Make some comparisons, each with a seed of its own."""
        for index in range(count):
            self._made += 1
            options = replace(self._options, seed=self._options.seed + SEED_STEP * self._made)
            comparing = Comparing(self._driver, self._sides, options)
            began = time.monotonic()
            result = _only(comparing.run(("base", "head")))
            yield SelfCheckTrial(result, time.monotonic() - began, comparing.judged_log_ratios())
            self._progress(
                f"{words}, {index + 1} of {count}: {result.answer}, {change_text(result)}"
                + (f" ({percent_text(1 + change)} injected)" if change else "")
            )


def _only(comparison: Comparison) -> FigureResult:
    if comparison.interrupted:
        raise KeyboardInterrupt
    if comparison.invalid or comparison.failures or not comparison.judged:
        reasons = (*comparison.invalid, *comparison.failures, *comparison.notes)
        raise InvalidRunError(f"nothing can be compared: {'; '.join(reasons)}")
    return comparison.judged[0]


def drawn_answers(  # noqa: PLR0913, PLR0917 - what a comparison is drawn from, and how often
    log_ratios: Values,
    change: float,
    design: Design,
    most_pairs: int,
    seed: int,
    comparisons: int = DRAWN,
) -> dict[str, int]:
    """Draw comparisons from recorded pairs of equals, with a change added; return how often each answer came.

    Which of two equal versions is called the head is arbitrary: so each pair is drawn with a random sign.
    """
    rng = np.random.default_rng(seed)
    looks = plan_looks(design, most_pairs)
    share = design.bonferroni(len(looks))
    answers: list[Decision] = []
    for _ in range(comparisons):
        drawn = rng.choice(log_ratios, looks[-1]) * rng.choice([-1.0, 1.0], looks[-1]) + math.log1p(change)
        answer = Decision.CANNOT_TELL
        for look in looks:
            answer = design.decide(signed_rank_interval(drawn[:look], share.false_alarm_rate, share.miss_rate))
            if answer is not Decision.CANNOT_TELL:
                break
        answers.append(answer)
    return _tallied(answers)


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _tallied(answers: Iterable[Decision]) -> dict[str, int]:
    counts = Counter(answers)
    return {answer.value: counts[answer] for answer in Decision}


def smallest_caught(log_ratios: Values, design: Design, most_pairs: int, seed: int) -> float | None:
    """Return the smallest change that is caught in 95 of 100 drawn comparisons, to some percent of itself."""
    low, high = FINEST, COARSEST

    def is_caught(change: float) -> bool:
        slower = drawn_answers(log_ratios, change, design, most_pairs, seed, DRAWN_FOR_EACH)[Decision.SLOWER]
        return slower >= CAUGHT_SHARE * DRAWN_FOR_EACH

    if not is_caught(high):
        return None
    for _ in range(BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_caught(middle) else (middle, high)
    return high
