"""Tracebacks of errors that this package raises for a test: they end with the test's own line."""

from __future__ import annotations

import sys
from types import TracebackType

import pytest


def cut(call: pytest.CallInfo[None]) -> None:
    """Leave out the frames below the test's own last line and the chained errors: the message is enough."""
    errors = sys.modules.get("durable_harness.errors")
    error = None if call.excinfo is None else call.excinfo.value
    if errors is None or error is None or not isinstance(error, errors.HarnessError):
        return
    last = _last_own(error.__traceback__)
    if last is not None:
        last.tb_next = None
        error.__cause__, error.__suppress_context__ = None, True


def _last_own(trace: TracebackType | None) -> TracebackType | None:
    from durable_harness.wording.places import machinery  # noqa: PLC0415 - who uses no fixture pays nothing

    found = None
    while trace is not None:
        if machinery(trace.tb_frame.f_code.co_filename) is None:
            found = trace
        trace = trace.tb_next
    return found
