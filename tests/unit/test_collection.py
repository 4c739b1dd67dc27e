"""The collector of cyclic garbage at a start."""

import gc

import pytest

from durable_harness.collection import resting_collector


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_is_afterwards_as_it_was(is_enabled):
    """Meanwhile nothing is collected; afterwards the collector runs if it ran before."""
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with resting_collector():
            assert not gc.isenabled()
        assert gc.isenabled() == is_enabled
    finally:
        (gc.enable if before else gc.disable)()
