"""Check that the output of an operation is what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

OutputCheck = Callable[[Mapping[str, Any], Any], str | None]
"""Called with the start's payload and the operation's output; returns what is wrong, None if nothing is."""


def accept_any_output(sent: Mapping[str, Any], output: Any) -> str | None:  # noqa: ARG001 - an OutputCheck
    """Find nothing wrong with any output."""
    return None


def check_echo(sent: Mapping[str, Any], output: Any) -> str | None:
    """Check the sample app's output: it names the task, says Success and echoes duration and data."""
    if not isinstance(output, dict):
        return f"output is {type(output).__name__}, expected an object"
    expected = {
        "task": sent.get("operation_type"),
        "result": "Success",
        "duration": sent.get("duration"),
        "data": sent.get("data"),
    }
    wrong = [key for key, value in expected.items() if key not in output or output[key] != value]
    return f"output.{', output.'.join(wrong)} is not what was sent" if wrong else None
