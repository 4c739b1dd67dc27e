"""Ways to have a running system: the only room that knows how to start things."""

from durable_harness.stack.embedded import RunningStack, embedded_stack

__all__ = ["RunningStack", "embedded_stack"]
