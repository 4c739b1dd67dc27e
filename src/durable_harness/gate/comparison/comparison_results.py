"""The result of a comparison, for people and programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_harness.errors import INTERRUPTED
from durable_harness.exit_codes import ExitCode
from durable_harness.gate.comparison.counts import CountResult
from durable_harness.gate.comparison.design import Decision, Design
from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.ranks import ConfidenceInterval
from durable_harness.gate.comparison.resolution import percent_size
from durable_harness.gate.summary import FailureReason
from durable_harness.gate.who.growth import growth_sentence
from durable_harness.gate.who.time_shares import Attribution

EXIT_CODES = {
    Decision.NOT_SLOWER: ExitCode.DONE.value,
    Decision.SLOWER: ExitCode.FAILED.value,
    Decision.CANNOT_TELL: ExitCode.INVALID.value,
}


@dataclass(frozen=True, slots=True)
class FigureResult:
    """One figure of base and head, and the answer about it. `interval` is of the log ratio head / base."""

    figure: Figure
    design: Design
    base: float
    """The centre of the figures of the base's slices or blocks, in the figure's unit."""
    interval: ConfidenceInterval
    answer: Decision
    sample: str
    """What was compared, in words: `14 pairs of slices`, `30 and 28 blocks of 120 operations`."""
    resolution: float = 0.0
    """The smallest relative change that polls let through; 0 for a figure without polls in it."""
    advice: str = ""
    """What to do if the answer is "cannot tell"."""
    is_judged: bool = True
    """Whether the verdict depends on it; other figures are only shown beside it."""
    pairs: tuple[float, ...] = ()
    """The ratio head / base of each pair of slices, in their order; empty where runs are compared."""

    @property
    def has_interval(self) -> bool:
        """Whether the true change has a bound. Without any the estimate may be one slice that was disturbed."""
        return math.isfinite(self.interval.lower) or math.isfinite(self.interval.upper)

    @property
    def known_base(self) -> float | None:
        """The base's figure; None without an interval, as `head` and `ratio`."""
        return self.base if self.has_interval else None

    @property
    def head(self) -> float | None:
        """The head's figure: the base's, changed by the estimate. So the printed change is that of the printed ones."""
        return None if self.ratio is None else self.base * self.ratio

    @property
    def ratio(self) -> float | None:
        """The estimate for people; None if there are too few data for any."""
        return self.estimate if self.has_interval else None

    @property
    def estimate(self) -> float:
        """The ratio that is most likely, however few data there are: for statistics over many comparisons."""
        return math.exp(self.interval.estimate)

    @property
    def lower(self) -> float | None:
        """The ratio's lower bound; None if there is none yet."""
        return _finite(self.interval.lower)

    @property
    def upper(self) -> float | None:
        """The ratio's upper bound; None if there is none yet."""
        return _finite(self.interval.upper)

    @property
    def visible(self) -> float | None:
        """The smallest relative slowdown that would have shown; None without an interval, or if the head is faster.

        It is how far the interval reaches above the estimate, or above 0 if that is less; and what polls let through if
        that is more. A head that is certainly faster leaves no slowdown to be seen.
        """
        if not math.isfinite(self.interval.upper):
            return None
        if self.interval.upper < 0:
            return self.resolution or None
        reach = min(self.interval.upper, self.interval.upper - self.interval.estimate)
        return max(math.expm1(reach), self.resolution)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base against head."""

    base: str
    head: str
    results: tuple[FigureResult, ...]
    """The judged figures, then those that are only shown."""
    method: str
    """The statistical test, in one sentence."""
    counts: tuple[CountResult, ...] = ()
    """What an operation costs in whole numbers."""
    errors: tuple[float, float] = (0.0, 0.0)
    """Operations that did not complete, of all: base, head."""
    reasons: tuple[tuple[str, FailureReason], ...] = ()
    """Why they did not, in groups, each with the side that it is of: `base` or `head`."""
    failures: tuple[str, ...] = ()
    """What fails the head regardless of its latencies: it breaks operations."""
    invalid: tuple[str, ...] = ()
    """Why the comparison proves nothing."""
    interrupted: str = ""
    """How far it had come when a signal ended it; empty if it was not interrupted."""
    split: tuple[Attribution, Attribution] | None = None
    """Who spent the time of base and head, of some operations of each; None if it was not looked at."""
    notes: tuple[str, ...] = ()
    elapsed_s: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """Which party the time of the head grew by; empty if it was not looked at."""
        return growth_sentence(*self.split) if self.split is not None else ""

    @property
    def judged(self) -> tuple[FigureResult, ...]:
        """The figures that the verdict depends on."""
        return tuple(result for result in self.results if result.is_judged)

    @property
    def answer(self) -> Decision:
        """The worst answer of all judged figures and counts: slower, then cannot tell, then not slower."""
        answers = {result.answer for result in self.judged} | {count.answer for count in self.judged_counts}
        if self.failures or Decision.SLOWER in answers:
            return Decision.SLOWER
        unsure = Decision.CANNOT_TELL in answers or self.unanswered_counts or not answers
        return Decision.CANNOT_TELL if unsure else Decision.NOT_SLOWER

    @property
    def judged_counts(self) -> tuple[CountResult, ...]:
        """The counts that answer by themselves; one that varies is among the figures, as a mean."""
        return tuple(count for count in self.counts if count.answer is not None)

    @property
    def unanswered_counts(self) -> tuple[CountResult, ...]:
        """The counts that are to be judged, turned out to vary, and are not among the figures as a mean."""
        means = {result.figure.metric for result in self.judged}
        return tuple(
            count for count in self.counts if count.is_judged and count.answer is None and count.metric not in means
        )

    @property
    def verdict(self) -> str:
        """The answer in a word or two, or that it is interrupted or invalid."""
        if self.interrupted:
            return "interrupted"
        return "invalid" if self.invalid else self.answer.value

    @property
    def sentence(self) -> str:
        """The verdict and its reason in one line."""
        if self.interrupted:
            return "; ".join((self.interrupted, *self.invalid, *self.failures))
        if self.invalid or self.failures:
            return "; ".join(self.invalid or self.failures)
        counts = [_count_words(count) for count in self.judged_counts if count.answer is self.answer]
        if self.answer is Decision.CANNOT_TELL:
            counts += [_count_words(count) for count in self.unanswered_counts]
        figures = [_words(result) for result in self.judged if result.answer is self.answer]
        return "; ".join([*counts, *figures]) or "nothing was compared"

    def exit_code(self, cannot_tell: int = EXIT_CODES[Decision.CANNOT_TELL]) -> int:
        """Return the process exit code; `cannot_tell` is the one for that answer."""
        if self.interrupted:
            return INTERRUPTED
        if self.invalid:
            return EXIT_CODES[Decision.CANNOT_TELL]
        return cannot_tell if self.answer is Decision.CANNOT_TELL else EXIT_CODES[self.answer]


def percent_text(ratio: float) -> str:
    """Write a ratio as the change that it is: `+4.8 %`."""
    # No change is "+0.0 %", also if rounding leaves a small negative number of it.
    return f"{100 * (ratio - 1):+.1f} %".replace("-0.0", "+0.0")


def visible_text(result: FigureResult) -> str:
    """Write the smallest change that a comparison sees: `3.1 %`."""
    return "-" if result.visible is None else percent_size(result.visible)


def interval_text(result: FigureResult) -> str:
    """Write an interval: `+2.0 % to +4.1 %`."""
    if result.lower is None and result.upper is None:
        return "too few data"
    low = "any" if result.lower is None else percent_text(result.lower)
    return f"{low} to {'any' if result.upper is None else percent_text(result.upper)}"


def change_text(result: FigureResult) -> str:
    """Write the estimate: `+4.8 %`, a dash if there is none."""
    return "-" if result.ratio is None else percent_text(result.ratio)


def _words(result: FigureResult) -> str:
    seen = "" if result.visible is None else f"; smallest change visible here: {visible_text(result)}"
    interval = interval_text(result)
    change = f"{change_text(result)} ({interval})" if result.has_interval else interval
    words = f"{result.figure.name} {change}; {100 * result.design.effect:g} % matters{seen}"
    return f"{words}. {result.advice}" if result.advice else words


def _count_words(count: CountResult) -> str:
    if not count.is_known:
        return count.sentence
    if count.varies and not count.effect:
        return f"{count.sentence}. Name the increase that matters (--effect) to compare its mean"
    if count.varies:
        return f"{count.sentence}. It did not vary in the warm-up: make that longer (--warm-up) to compare its mean"
    allowed = f"at most {100 * count.effect:g} % more is allowed" if count.effect else "no increase is allowed"
    return f"{count.sentence} ({allowed})"


def _finite(log_ratio: float) -> float | None:
    return math.exp(log_ratio) if math.isfinite(log_ratio) else None
