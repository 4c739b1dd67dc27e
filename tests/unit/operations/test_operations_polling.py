"""Poll strategies: what each makes of the number of polls and of Retry-After."""

import pytest

from durable_harness.errors import UsageError
from durable_harness.operations import STRATEGIES, poll_strategy
from durable_harness.operations.polling import ExponentialPolling


def test_fixed_polling_never_changes():
    """Fixed polling waits its interval, whatever the server asks for."""
    strategy = poll_strategy("fixed", 0.5)
    assert {strategy.delay_s(polls, retry_after) for polls in (0, 7) for retry_after in (None, 10)} == {0.5}


def test_fixed_polling_catches_up():
    """A poll that the generator sent late is followed by one on time, unless that would be too soon after it."""
    strategy = poll_strategy("fixed", 0.5)
    assert strategy.delay_s(3, None, late_s=0.125) == 0.375
    assert strategy.delay_s(3, None, late_s=7.0) == 0.25


def test_fixed_polling_begins_with_its_phase():
    """The first poll comes after that part of an interval, every other one after a whole interval."""
    strategy = poll_strategy("fixed", 0.5)
    assert [strategy.delay_s(polls, None, phase=0.25) for polls in range(3)] == [0.125, 0.5, 0.5]


def test_exponential_polling_is_scaled_by_its_phase():
    """Over all phases the grid moves by one step: the least phase is next to the poll before."""
    strategy = ExponentialPolling(0.1, uniform=lambda low, high: high)
    whole, half, least = ([strategy.delay_s(polls, None, phase=phase) for polls in range(3)] for phase in (1, 0.5, 0))
    assert whole == pytest.approx([0.1, 0.15, 0.225])
    assert half == pytest.approx([delay / 1.5**0.5 for delay in whole])
    assert least[1:] == pytest.approx(whole[:2])


def test_server_directed_polling_never_comes_early():
    """A client that obeys Retry-After takes no notice of a phase."""
    strategy = poll_strategy("server", 0.5)
    assert [strategy.delay_s(0, retry_after, phase=0.1) for retry_after in (10, None)] == [10, 0.5]


def test_exponential_polling_grows_to_a_ceiling():
    """Without jitter each delay is half as long again, up to twenty intervals, after any number of polls."""
    strategy = ExponentialPolling(0.1, uniform=lambda low, high: high)
    delays = [strategy.delay_s(polls, None) for polls in range(10)]
    assert delays[:3] == pytest.approx([0.1, 0.15, 0.225])
    assert delays == sorted(delays)
    assert strategy.delay_s(10**6, None) == pytest.approx(2.0)


def test_exponential_polling_is_jittered_downwards():
    """Jitter shortens a delay by up to 30 %, so that clients that started together do not poll together."""
    strategy = poll_strategy("exponential", 1)
    delays = {strategy.delay_s(0, None) for _ in range(200)}
    assert len(delays) > 100
    assert 0.7 <= min(delays) < max(delays) <= 1


def test_server_directed_polling_obeys():
    """Server-directed polling waits as long as Retry-After asks, and its interval without Retry-After."""
    strategy = poll_strategy("server", 0.5)
    assert [strategy.delay_s(3, retry_after) for retry_after in (10, 0, None)] == [10, 0, 0.5]


def test_an_unknown_strategy_names_the_known_ones():
    """A strategy that does not exist is a usage error that lists those that do."""
    with pytest.raises(UsageError, match="got 'often', expected one of adaptive, exponential, fixed, server"):
        poll_strategy("often", 1)
    assert list(STRATEGIES) == sorted(STRATEGIES)
