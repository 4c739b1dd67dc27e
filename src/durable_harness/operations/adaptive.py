"""Poll where operations end: a strategy that learns from those that ended before."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from durable_harness.operations.completion_times import CompletionTimes
from durable_harness.operations.poll_plan import PollPlan, plan_polls
from durable_harness.operations.polling import ExponentialPolling, PollStrategy


class AdaptivePolling(PollStrategy):
    """Spends `budget` polls an operation, on average, where they cut detection lag most.

    It polls exponentially, from `interval_s` on, until it has seen `ENOUGH` operations end. From then on it polls by a
    plan for the completion times that it has learned, and makes a new one as it learns more. An operation that outlasts
    all of them is polled ever less often. If the server reports when an operation ended, that is learned, provided that
    its clock agrees with what the polls saw; else the polls themselves bound the end.

        AdaptivePolling(interval_s=0.5, budget=4.0)
    """

    ENOUGH = 5
    """Operations before the first plan: with fewer, a plan would fit chance. Until then polls grow exponentially."""
    JITTER = 0.02
    """Part of a delay that is added by chance, so that operations that started together are not polled together."""
    GROWTH, MOST_NEWS = 1.2, 200
    """A new plan is made when GROWTH times as many operations have been learned, or MOST_NEWS more."""
    CLOCK_SLACK_S = 0.02
    """How far a server's clock may disagree with what the polls saw and still be believed, beyond a quarter of the time
    between the polls. Clocks kept by NTP are some milliseconds apart; a wrong time zone or an unset clock is not."""
    ENOUGH_TO_CORRECT = 50
    """Operations from which it is judged whether plans keep to the budget: the mean of fewer scatters too much."""
    CORRECTION = 1.5
    """The factor by which a plan's budget may differ from the given one, to make up for what was really needed."""

    def __init__(
        self, interval_s: float, budget: float = 3.0, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._budget = self._corrected = budget
        self._polls = self._operations = 0
        self._uniform = uniform
        self._at_first = ExponentialPolling(interval_s, uniform)
        self._times = CompletionTimes()
        self._next_planning = self.ENOUGH
        self.plan: PollPlan | None = None
        """The plan in force; None until enough has been learned."""

    def delay_s(
        self,
        polls_done: int,
        retry_after_s: float | None,
        elapsed_s: float = 0.0,
        late_s: float = 0.0,
        phase: float = 1.0,
    ) -> float:
        if self.plan is None:
            return self._at_first.delay_s(polls_done, retry_after_s, elapsed_s, late_s, phase)
        self._polls += 1
        self._operations += polls_done == 0
        delay_s = self.plan.next_poll_s(elapsed_s) - elapsed_s
        return delay_s * self._uniform(1, 1 + self.JITTER)

    def learn(self, *, after_s: float, by_s: float, finished_s: float | None) -> None:
        slack_s = (by_s - after_s) / 4 + self.CLOCK_SLACK_S
        if finished_s is not None and max(0.0, after_s - slack_s) <= finished_s <= by_s:
            self._times.add(finished_s)
        else:
            self._times.add_between(after_s, by_s)
        if self._times.count >= self._next_planning:
            self._plan()

    def _plan(self) -> None:
        self._correct_budget()
        self.plan = plan_polls(self._times.times_s(), self._corrected, self._times.effective_count)
        news = int(self._times.count * (self.GROWTH - 1)) + 1
        self._next_planning = self._times.count + min(news, self.MOST_NEWS)

    def _correct_budget(self) -> None:
        """Raise the budget of the next plan if operations needed fewer polls than the budget, and lower it if more."""
        if self._operations >= self.ENOUGH_TO_CORRECT:
            # The root takes back half of the error, on a logarithmic scale: the whole would swing to and fro, since
            # the polls counted are those of several plans.
            missed = math.sqrt(self._budget * self._operations / self._polls)
            least, most = self._budget / self.CORRECTION, self._budget * self.CORRECTION
            self._corrected = min(max(self._corrected * missed, least), most)
            self._polls = self._operations = 0
