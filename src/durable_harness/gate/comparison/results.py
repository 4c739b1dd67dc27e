"""What a comparison found, for people and programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_harness.errors import INTERRUPTED
from durable_harness.gate.comparison.design import Answer, Design
from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.ranks import Interval

EXIT_CODES = {Answer.NOT_SLOWER: 0, Answer.SLOWER: 1, Answer.CANNOT_TELL: 3}


@dataclass(frozen=True, slots=True)
class FigureResult:
    """One figure of base and head, and the answer about it. `interval` is of the log ratio head / base."""

    figure: Figure
    design: Design
    base: float
    """The figure over all operations of the base."""
    head: float
    interval: Interval
    answer: Answer
    units: str
    """What was compared, in words: `14 pairs of slices`, `30 and 28 blocks of 120 operations`."""
    advice: str = ""
    """What to do where nobody can tell."""

    @property
    def ratio(self) -> float:
        return math.exp(self.interval.estimate)

    @property
    def lower(self) -> float | None:
        """The ratio's lower bound; None if there is none yet."""
        return _finite(self.interval.lower)

    @property
    def upper(self) -> float | None:
        """The ratio's upper bound; None if there is none yet."""
        return _finite(self.interval.upper)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base against head."""

    base: str
    head: str
    results: tuple[FigureResult, ...]
    method: str
    """The statistical test, in one sentence."""
    errors: tuple[float, float] = (0.0, 0.0)
    """Operations that did not complete, of all: base, head."""
    failures: tuple[str, ...] = ()
    """What fails the head whatever its latencies: it breaks operations."""
    invalid: tuple[str, ...] = ()
    """Why the comparison proves nothing."""
    interrupted: str = ""
    """How far it had come when a signal ended it; empty if none did."""
    notes: tuple[str, ...] = ()
    elapsed_s: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def answer(self) -> Answer:
        """The worst answer of all figures: slower, then cannot tell, then not slower."""
        answers = {result.answer for result in self.results}
        if self.failures or Answer.SLOWER in answers:
            return Answer.SLOWER
        return Answer.CANNOT_TELL if Answer.CANNOT_TELL in answers or not answers else Answer.NOT_SLOWER

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
        if self.invalid:
            return "; ".join(self.invalid)
        if self.failures:
            return "; ".join(self.failures)
        return "; ".join(_words(result) for result in self.results if result.answer is self.answer)

    def exit_code(self, cannot_tell: int = EXIT_CODES[Answer.CANNOT_TELL]) -> int:
        """Return the process exit code; `cannot_tell` is the one for an answer that nobody can give."""
        if self.interrupted:
            return INTERRUPTED
        if self.invalid:
            return EXIT_CODES[Answer.CANNOT_TELL]
        return cannot_tell if self.answer is Answer.CANNOT_TELL else EXIT_CODES[self.answer]


def percent_text(ratio: float | None) -> str:
    """Write a ratio as the change that it is: `+4.8 %`."""
    return "?" if ratio is None else f"{100 * (ratio - 1):+.1f} %"


def _words(result: FigureResult) -> str:
    change = f"{percent_text(result.ratio)} ({percent_text(result.lower)} to {percent_text(result.upper)})"
    said = f"{result.figure.name} {change}; {100 * result.design.effect:g} % matters"
    return f"{said}. {result.advice}" if result.advice else said


def _finite(log_ratio: float) -> float | None:
    return math.exp(log_ratio) if math.isfinite(log_ratio) else None
