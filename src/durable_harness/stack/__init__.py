"""Ways to have a running system: the only room that knows how to start things."""

from durable_harness.stack.children import RunningScheduler, RunningStack, embedded_stack, scheduler_process

__all__ = ["RunningScheduler", "RunningStack", "embedded_stack", "scheduler_process"]
