"""Fixtures of the unit tests of the host."""

import pytest

from durable_harness.host.twice.effects import SCOPE, Scope


@pytest.fixture
def scope():
    """Yield a delivery that is under way."""
    scope = Scope()
    token = SCOPE.set(scope)
    yield scope
    SCOPE.reset(token)
