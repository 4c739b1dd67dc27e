"""When to poll next: the base of all strategies, and those that learn nothing. `strategies` names them all."""

# ruff: noqa: ARG002 - a strategy uses only some of the arguments

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable


class PollStrategy(ABC):
    """Decides how long to wait before a poll. One instance serves all operations of a scenario in a process."""

    @abstractmethod
    def delay_s(
        self,
        polls_done: int,
        retry_after_s: float | None,
        elapsed_s: float = 0.0,
        late_s: float = 0.0,
        phase: float = 1.0,
    ) -> float:
        """Return the seconds to wait after an answer.

        `polls_done` counts the polls answered so far (0 after the start); `retry_after_s` is what the last answer asked
        for, None if it did not ask; `elapsed_s` are the seconds since the operation was accepted; `late_s` is how
        much later than planned the poll that was answered had been sent, the generator's own doing. `phase`, above 0
        and at most 1, is drawn for each operation: a strategy with a grid of polls shifts the grid by it, so that polls
        do not stand still relative to the work.
        """

    def learn(self, *, after_s: float, by_s: float, finished_s: float | None) -> None:
        """Learn from an operation that ended well, in seconds since it was accepted.

        It had not ended at `after_s` and had at `by_s`; `finished_s` is when it did according to the server's clock,
        None if the server does not report it. The base learns nothing.
        """
        del after_s, by_s, finished_s


class FixedPolling(PollStrategy):
    """Polls `interval_s` after the answer, whatever Retry-After asks, and catches up with what came late.

    The first poll comes after `phase` of an interval.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s

    def delay_s(
        self,
        polls_done: int,
        retry_after_s: float | None,
        elapsed_s: float = 0.0,
        late_s: float = 0.0,
        phase: float = 1.0,
    ) -> float:
        if polls_done == 0:
            return self._interval_s * phase
        # Otherwise polls that were held up together would stay together forever. By half an interval at most: a poll
        # straight after the last would ask a busy server more often, and learn nothing.
        return self._interval_s - min(late_s, self._interval_s / 2)


class ExponentialPolling(PollStrategy):
    """Starts at `interval_s`, grows by `GROWTH` a poll up to `CEILING` intervals, each shortened by up to `JITTER`.

    All delays are scaled by `GROWTH ** (phase - 1)`, which spreads polls evenly on a logarithmic scale.
    """

    GROWTH = 1.5
    """Lag is up to half of the duration. Doubling would save few polls, and lag up to the whole of it."""
    CEILING = 20.0
    JITTER = 0.3

    def __init__(self, interval_s: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._interval_s = interval_s
        self._uniform = uniform

    def delay_s(
        self,
        polls_done: int,
        retry_after_s: float | None,
        elapsed_s: float = 0.0,
        late_s: float = 0.0,
        phase: float = 1.0,
    ) -> float:
        # The exponent is capped too: a float overflows after 1,750 polls. 64 is far beyond the ceiling.
        growth = min(self.GROWTH ** min(polls_done, 64), self.CEILING)
        scale: float = self.GROWTH ** (phase - 1)
        return self._interval_s * growth * scale * self._uniform(1 - self.JITTER, 1)


class ServerDirectedPolling(PollStrategy):
    """Waits as long as the server asks for, `interval_s` if it does not ask; never less, in any phase."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s

    def delay_s(
        self,
        polls_done: int,
        retry_after_s: float | None,
        elapsed_s: float = 0.0,
        late_s: float = 0.0,
        phase: float = 1.0,
    ) -> float:
        return self._interval_s if retry_after_s is None else retry_after_s
