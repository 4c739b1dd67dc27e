"""Locust users for long-running HTTP operations, their measurement, and the verdict on a run.

A scenario needs one name: `from durable_harness.load import OperationUser`. It is resolved when asked for, because
importing Locust patches the standard library for gevent, which nobody wants who only reads a tally.
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
