"""Locust users for long-running HTTP operations, their measurement, and the verdict on a run.

A scenario needs one name: `from durable_harness.load import OperationUser`. It is resolved when asked for, because
importing Locust patches the standard library for gevent, which nobody wants who only reads a tally.

A run ends with 0 if all gates hold, 1 if one does not (or, without gates, if anything failed), 2 for a wrong option or
gates file, 3 if the run proves nothing (a worker vanished, nothing was started), 4 if the host does not answer.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable_harness.load.user import OperationUser

__all__ = ["OperationUser"]


def __getattr__(name: str) -> Any:
    if name == "OperationUser":
        from durable_harness.load.user import OperationUser  # noqa: PLC0415 - see the module's docstring

        return OperationUser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
