"""Triggers other than HTTP and durable ones: timers, functions run by hand, values of bindings, captured outputs."""

from durable_harness.host.triggers.converting import UnusableValueError
from durable_harness.host.triggers.triggers import Triggers

__all__ = ["Triggers", "UnusableValueError"]
