"""Whose arrival is whose: every arrival has one owner, whoever joins or vanishes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from durable_harness.load.arrivals.shares import Era, Shares


def test_workers_take_turns():
    """Among three workers every third arrival is a worker's own, in the order of their names' places."""
    shares = Shares([Era(0.0, ("a", "b", "c"))])
    assert [shares.owner(number, 0.0) for number in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_one_process_has_all():
    """A process that runs alone owns every arrival at any time."""
    shares = Shares.alone("local")
    assert {shares.owner(number, time_s) for number in range(9) for time_s in (0.0, 1e6)} == {"local"}


def test_an_era_changes_nothing_before_it_begins():
    """A worker that joins has its part from the announced moment on, and no other worker's part changes before."""
    shares = Shares([Era(0.0, ("a",))])
    shares.begin_era(10.0, ("a", "b"))
    assert [shares.owner(1, time_s) for time_s in (0.0, 9.99, 10.0, 20.0)] == ["a", "a", "b", "b"]


def test_an_announced_era_can_be_replaced():
    """A worker that vanishes before its era begins never gets a part."""
    shares = Shares([Era(0.0, ("a",))])
    shares.begin_era(10.0, ("a", "b"))
    shares.begin_era(9.0, ("a",))
    assert {shares.owner(number, time_s) for number in range(4) for time_s in (8.0, 9.0, 10.0, 99.0)} == {"a"}


def test_without_workers_an_arrival_is_nobodys():
    """Before the first era, or while no worker is left, arrivals have no owner."""
    shares = Shares([Era(1.0, ("a",))])
    shares.begin_era(2.0, ())
    assert [shares.owner(0, time_s) for time_s in (0.5, 1.5, 2.5)] == [None, "a", None]


ERAS = st.lists(st.tuples(st.floats(0, 100), st.sets(st.sampled_from("abcd"), min_size=1)), min_size=1, max_size=5)


@given(ERAS, st.lists(st.floats(0, 120), min_size=1, max_size=80))
def test_the_union_of_all_parts_is_the_whole(eras, moments):
    """Whatever the eras, each arrival is started by exactly one worker, one that took part at its moment."""
    shares = Shares([Era(0.0, ("a",))])
    for from_s, workers in sorted(eras, key=lambda era: era[0]):
        shares.begin_era(from_s, tuple(sorted(workers)))
    copies = {worker: Shares.from_wire(shares.to_wire()) for worker in "abcd"}
    arrivals = list(enumerate(sorted(moments)))
    started = [arrival for worker, copy in copies.items() for arrival in arrivals if copy.owner(*arrival) == worker]
    assert Counter(started) == Counter(arrivals)
