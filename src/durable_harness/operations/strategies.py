"""The poll strategies by their names.

fixed        every interval. Lag is about half the interval, polls grow with the duration.
exponential  short at first, then ever longer, with jitter so that clients do not poll in step. Lag is a part of the
             duration, polls grow with its logarithm.
server       as Retry-After asks, the interval if the server does not ask; and at the Location. The server
             decides what lag it wants its clients to have.
adaptive     where the operations before have ended, with a budget of polls an operation; lag is the least it can buy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from durable_harness.errors import UsageError
from durable_harness.operations.adaptive import AdaptivePolling
from durable_harness.operations.polling import ExponentialPolling, FixedPolling, PollStrategy, ServerDirectedPolling

STRATEGIES: Mapping[str, Callable[[float, float], PollStrategy]] = {
    "adaptive": AdaptivePolling,
    "exponential": lambda interval_s, _: ExponentialPolling(interval_s),
    "fixed": lambda interval_s, _: FixedPolling(interval_s),
    "server": lambda interval_s, _: ServerDirectedPolling(interval_s),
}
"""How `--poll-strategy` names the strategies: each is made from the seconds between polls and the budget of polls."""


def poll_strategy(name: str, interval_s: float, budget: float = 3.0) -> PollStrategy:
    """Make a strategy by its name; raise UsageError for an unknown name.

    name: one of STRATEGIES.
    interval_s: seconds; what it means is up to the strategy, see above.
    budget: how many polls of an operation `adaptive` may spend on average; the others have no budget.

        poll_strategy("adaptive", interval_s=0.5, budget=4.0)
    """
    try:
        return STRATEGIES[name](interval_s, budget)
    except KeyError:
        raise UsageError(f"poll strategy: got '{name}', expected one of {', '.join(STRATEGIES)}") from None
