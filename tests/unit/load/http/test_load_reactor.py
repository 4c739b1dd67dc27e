"""The reactor's timers: exact ones at their moment, loose ones together where they lie close."""

import pytest

from durable_harness.load.http import reactor as reactor_module
from durable_harness.load.http.reactor import SLACK_S, Reactor


class Standstill:
    """Readiness that a test drives: it notes for when it is armed, and nothing is ever ready."""

    def __init__(self):
        self.armed = None

    def arm(self, moment):
        self.armed = moment

    def wait(self):
        raise AssertionError("the reactor's greenlet has no turn in these tests")

    def ready(self, at_most):
        return []

    def close(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    """Return the reactor's clock, to be set by hand."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(reactor_module, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def reactor(clock):
    """Yield a reactor that takes a turn only when a test asks for it."""
    made = Reactor(Standstill())
    yield made
    made.close()


@pytest.fixture
def called():
    """Return the list of the moments of timers that were called."""
    return []


def test_exact_timers_come_in_the_order_of_their_moments(reactor, clock, called):
    """Whatever the order in which they were set, each is called once when due, with its own moment and argument."""
    for moment in (1000.5, 1000.1, 1000.1, 1003.0):
        reactor.call_at(moment, lambda due, argument: called.append((due, argument)), f"for {moment}")
    assert reactor._readiness.armed == 1000.1
    clock.now = 1002.0
    reactor._turn()
    assert called == [(1000.1, "for 1000.1"), (1000.1, "for 1000.1"), (1000.5, "for 1000.5")]


def test_a_loose_timer_with_no_other_near_is_exact(reactor, clock, called):
    """Nothing is gained by waiting where there is nothing to wait for."""
    for moment in (1000.1, 1000.2):
        reactor.call_at_or_soon_after(moment, lambda due, _: called.append(due))
    assert reactor._readiness.armed == 1000.1
    clock.now = 1000.1
    reactor._turn()
    assert called == [1000.1]


def test_loose_timers_that_lie_close_come_together(reactor, clock, called):
    """The first waits for the others, but no longer than the slack; one that lies beyond it comes later."""
    for moment in (1000.1, 1000.1 + SLACK_S / 2, 1000.1 + SLACK_S * 3):
        reactor.call_at_or_soon_after(moment, lambda due, _: called.append(due))
    assert reactor._readiness.armed == 1000.1 + SLACK_S
    clock.now = 1000.1 + SLACK_S / 2
    reactor._turn()
    assert called == []
    clock.now = 1000.1 + SLACK_S
    reactor._turn()
    assert called == [1000.1, 1000.1 + SLACK_S / 2]


def test_an_exact_timer_does_not_wait_for_loose_ones(reactor, clock, called):
    """Starts are exact, also while polls are gathered."""
    for moment in (1000.1, 1000.1002):
        reactor.call_at_or_soon_after(moment, lambda due, _: called.append(due))
    reactor.call_at(1000.1003, lambda due, _: called.append(due))
    assert reactor._readiness.armed == 1000.1003
    clock.now = 1000.1003
    reactor._turn()
    assert called == [1000.1003]


def test_a_timer_that_fails_does_not_hold_up_the_others(reactor, clock, called, caplog):
    """An error in one timer is logged, and the next one is called."""

    def fail(due, argument):
        raise ZeroDivisionError("a bug")

    reactor.call_at(1000.1, fail)
    reactor.call_at(1000.2, lambda due, _: called.append(due))
    clock.now = 1000.3
    reactor._turn()
    assert called == [1000.2]
    assert "a bug" in caplog.text


def test_without_timers_nothing_is_armed(reactor, clock):
    """Once the last timer was called the reactor waits for sockets alone."""
    reactor.call_at(1000.1, lambda due, _: None)
    clock.now = 1000.2
    reactor._turn()
    reactor._arm()
    assert reactor._readiness.armed is None
