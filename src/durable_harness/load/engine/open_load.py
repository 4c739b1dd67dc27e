"""Offer an open workload: start each arrival of this process at its moment, without waiting for earlier ones.

Every process runs all open scenarios of a run and knows all their arrivals; `Shares` say which of them are its own. So
Locust's users have no part in it: one user that only waits stands for a scenario in Locust's tables.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import gevent

from durable_harness.load.arrivals.shares import LOOK_AHEAD_S, Shares
from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.operations import Workload
from durable_harness.platforms.clocks import monotonic

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment

HAND_OVER_S = 0.0537
"""How long before its moment an arrival is handed over: what is to be made for it is ready when it is due. It is no
multiple of a usual rate's interval, or else making one operation would hold up the answer to one that starts then."""
STARTED_S = 0.2
"""After the moment of the last arrival it is on its way, here or in another process."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One arrival of a scenario.

    Attributes:
        number: counted from 0, over all processes of the run.
        intended: its moment, in `time.monotonic()` seconds.
        seed: what its source of chance is made of.
    """

    number: int
    intended: float
    seed: str

    def random(self, purpose: str = "") -> Random:
        """Return a source of chance of its own, which draws the same in any process.

        Args:
            purpose: each has a stream that does not depend on what is drawn for another.
        """
        return Random(f"{self.seed}:{purpose}" if purpose else self.seed)  # noqa: S311 - load, not secrets


def open_scenarios(environment: Environment) -> dict[str, type[User]]:
    """Return the open scenarios that Locust has loaded and that were selected, by their names."""
    return {cls.__name__: cls for cls in environment.user_classes if getattr(cls, "workload", None) is Workload.OPEN}


def check_scenarios(user_classes: Iterable[type[User]], options: LoadOptions | None) -> None:
    """Raise UsageError for a scenario that is written wrongly or, with the options of a run, cannot make that run."""
    for cls in user_classes:
        if check := getattr(cls, "check_attributes", None):
            check()
        if options is not None and (check := getattr(cls, "check", None)):
            check(options)


class OpenLoad:
    """The arrivals of one run in this process."""

    def __init__(self, environment: Environment, run: LoadRun, worker: str) -> None:
        self._environment, self._run, self._worker = environment, run, worker
        self._shares = Shares([])
        self._greenlets: dict[str, Any] = {}
        self._over: set[str] = set()
        self._run_time_s = math.inf

    def offer(self, scenarios: Iterable[str], shares: Shares, began: float, run_time_s: float | None = None) -> None:
        """Start the arrivals of these scenarios, counted from the monotonic moment `began`; or take new shares.

        None comes at the end of the run time or later, even if the run is ended late.
        """
        self._shares = shares
        self._run_time_s = math.inf if run_time_s is None else run_time_s
        known = open_scenarios(self._environment)
        for name in scenarios:
            if name in known and name not in self._greenlets:
                self._greenlets[name] = gevent.spawn(self._run_scenario, known[name], began)

    @property
    def is_over(self) -> bool:
        """Whether every scenario's last arrival has come, here or in another process."""
        return bool(self._greenlets) and self._over == set(self._greenlets)

    def stop(self) -> None:
        """Stop all arrivals."""
        gevent.killall(list(self._greenlets.values()))

    def _run_scenario(self, scenario: type[User], began: float) -> None:
        if self._environment.host:
            scenario.host = self._environment.host
        user = scenario(self._environment)
        self._guarded(user, user.on_start)
        process = user.arrivals()
        seed, time_s = f"{self._run.options.seed}:{scenario.__name__}", 0.0
        for number, time_s in enumerate(process.times_s(Random(seed)) if process else ()):  # noqa: S311 - load
            if time_s >= self._run_time_s:
                return
            if self._wait_for(number, time_s, began):
                arrival = Arrival(number, began + time_s, f"{seed}:{number}")
                self._guarded(user, user.arrive, arrival)
            if not self._run.is_accepting:
                return
        _sleep_until(began + time_s + STARTED_S)
        self._over.add(scenario.__name__)
        logger.info("%s: all arrivals have been started", scenario.__name__)

    def _wait_for(self, number: int, time_s: float, began: float) -> bool:
        """Sleep until an arrival is almost due and return True, or return False once it belongs to another process."""
        _sleep_until(began + time_s - LOOK_AHEAD_S)
        if self._shares.owner(number, time_s) != self._worker:
            return False
        _sleep_until(began + time_s - HAND_OVER_S, always=True)
        return self._shares.owner(number, time_s) == self._worker and self._run.is_accepting

    def _guarded(self, user: Any, act: Callable[..., None], *arguments: Any) -> None:
        """Report what a scenario raises as Locust does for its users, and continue with the other arrivals."""
        try:
            act(*arguments)
        except Exception as error:
            self._environment.events.user_error.fire(user_instance=user, exception=error, tb=sys.exc_info()[2])
            logger.exception("%s raised", type(user).__name__)


def _sleep_until(moment: float, *, always: bool = False) -> None:
    """Sleep; `always` lets the others run also when it is late, since a late arrival must not delay every poll."""
    left_s = moment - monotonic()
    if left_s > 0 or always:
        gevent.sleep(max(left_s, 0.0))
