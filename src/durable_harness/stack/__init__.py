"""Ways to have a running system: the only room that knows how to start things."""

from durable_harness.stack.children import RunningScheduler, RunningStack, embedded_stack, scheduler_process
from durable_harness.stack.control import StackControl
from durable_harness.stack.selection import STACKS, StackOptions, open_stack

__all__ = [
    "STACKS",
    "RunningScheduler",
    "RunningStack",
    "StackControl",
    "StackOptions",
    "embedded_stack",
    "open_stack",
    "scheduler_process",
]
