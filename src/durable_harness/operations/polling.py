"""When to poll next: the base of all strategies, and those that learn nothing. `strategies` names them all."""

# ruff: noqa: ARG002 - a strategy uses only some of the arguments

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable


class PollStrategy(ABC):
    """Decides how long to wait before a poll. One instance serves all operations of a scenario in a process.

        class EverySecond(PollStrategy):
            def delay_s(self, polls_done, retry_after_s, elapsed_s=0.0, late_s=0.0, phase=1.0):
                return 1.0

    `poll_strategy` makes one of those that exist by its name.
    """

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

        Args:
            polls_done: the number of polls answered so far; 0 after the start.
            retry_after_s: the seconds that the last answer asked for; None if it did not ask.
            elapsed_s: the seconds since the operation was accepted.
            late_s: the seconds by which the answered poll was sent later than planned, which the generator caused.
            phase: above 0 and at most 1, drawn for each operation. A strategy with a grid of polls shifts the grid by
                it, so that polls do not keep one place relative to the work.
        """

    def learn(self, *, after_s: float, by_s: float, finished_s: float | None) -> None:
        """Learn from an operation that ended well. The base learns nothing.

        Args:
            after_s: seconds from its acceptance to the last answer that showed that it had not ended.
            by_s: seconds from its acceptance to the answer that showed that it had.
            finished_s: seconds from its acceptance to its end by the server's clock; None if that is not reported.
        """
        del after_s, by_s, finished_s


class FixedPolling(PollStrategy):
    """Polls `interval_s` after the answer, whatever Retry-After asks, and catches up with what came late.

    The first poll comes after `phase` of an interval.

        FixedPolling(interval_s=0.5)
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

        ExponentialPolling(interval_s=0.5)

    Args:
        interval_s: the longest first delay, in seconds.
        uniform: draws the jitter, as `random.uniform` does.
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
    """Waits as long as the server asks for, `interval_s` if it does not ask; never less, in any phase.

        ServerDirectedPolling(interval_s=0.5)

    Args:
        interval_s: how long to wait if the server does not ask, in seconds.
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
        return self._interval_s if retry_after_s is None else retry_after_s
