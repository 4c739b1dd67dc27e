"""Run a system under test for tests and tools: an app on a stack, or a scheduler alone.

    from pathlib import Path

    from durable_harness.stack import open_stack

    with open_stack("embedded", Path("app")) as stack:
        print(stack.base_url)

`STACKS` has the names of all stacks.
"""

from durable_harness.stack.child_systems import RunningScheduler, RunningStack, embedded_stack, scheduler_process
from durable_harness.stack.control import StackControl
from durable_harness.stack.options import StackOptions
from durable_harness.stack.selection import STACKS, open_stack

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
