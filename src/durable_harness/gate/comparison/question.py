"""The question of a comparison: which figures, which counts, how much matters, how many operations may fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from durable_harness.gate.comparison.design import Design
from durable_harness.gate.comparison.figures import Figure

MAX_ERROR_RATIO = 0.01
"""Beyond 1 % the operations that completed are no longer a fair sample: slow ones are the first to fail."""
Wanted = tuple[Figure, Design]


@dataclass(frozen=True, slots=True)
class Question:
    """The question that `ab` and `compare` answer."""

    figures: tuple[Wanted, ...] = ()
    """The figures to judge. Without figures and counts the default figure is judged, with `design`."""
    counts: Mapping[str, float] = field(default_factory=dict)
    """The counts to judge, each with the relative increase that fails: 0 for any."""
    design: Design = field(default_factory=Design)
    """For the default figure, and for the means of counts that vary: its errors."""
    max_error_ratio: float = MAX_ERROR_RATIO
    """Operations that may not complete, of all."""

    @property
    def asks_for_default(self) -> bool:
        return not self.figures and not self.counts

    def judged(self, default: Figure) -> tuple[Wanted, ...]:
        """Return the latencies to judge: those asked for, or the default."""
        return ((default, self.design),) if self.asks_for_default else self.figures

    def means(self, metrics: Sequence[str]) -> tuple[Wanted, ...]:
        """Return the means of those counts among `metrics` for which an increase that matters was named."""
        return tuple(
            (Figure(name), Design(effect, self.design.false_alarm_rate, self.design.miss_rate))
            for name, effect in self.counts.items()
            if effect and name in metrics
        )
