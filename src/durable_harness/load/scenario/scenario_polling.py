"""How the operations of a scenario are polled: as its attributes say, and where they do not, as the options do."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.operations import PollStrategy, poll_strategy

if TYPE_CHECKING:
    from locust import User

_STRATEGIES: WeakKeyDictionary[LoadRun, dict[str, PollStrategy]] = WeakKeyDictionary()


def polling_of(run: LoadRun, scenario: type[User]) -> PollStrategy:
    """Return the strategy that the operations of a scenario share in a run: one that learns, learns from all."""
    strategies, name = _STRATEGIES.setdefault(run, {}), scenario.__name__
    if name not in strategies:
        chosen, interval_s, budget = _chosen(run.options, scenario)
        if not isinstance(chosen, PollStrategy):
            chosen = poll_strategy(chosen, interval_s, budget)
        strategies[name] = chosen
    return strategies[name]


def describe_polling(options: LoadOptions, scenario: type[User]) -> str:
    """Return for the report how a scenario polls."""
    chosen, interval_s, budget = _chosen(options, scenario)
    if isinstance(chosen, PollStrategy):
        return type(chosen).__name__
    return f"{chosen}, {interval_s:g} s" + (f", {budget:g} polls an operation" if chosen == "adaptive" else "")


def _chosen(options: LoadOptions, scenario: type[User]) -> tuple[str | PollStrategy, float, float]:
    """Return the strategy or its name, the interval and the budget."""
    return (
        scenario.poll_strategy or options.poll_strategy,
        scenario.poll_interval_s or options.poll_interval_s,
        scenario.poll_budget or options.poll_budget,
    )
