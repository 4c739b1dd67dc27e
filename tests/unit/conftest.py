"""Fixtures of the unit tests of several rooms."""

from importlib import import_module

import pytest


@pytest.fixture
def import_unpatched(monkeypatch):
    """Return import_module, for modules that import Locust: it does not patch the standard library of the tests."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    return import_module
