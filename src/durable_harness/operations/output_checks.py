"""Check that the output of an operation is what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

OutputCheck = Callable[[Mapping[str, Any], Any], str | None]  # type: ignore[explicit-any] # authors type what they get
"""Called with the start's payload and the operation's output. Returns what is wrong, or None."""

OWN_APP = "this is not the sample app's output; for an app of your own override the scenario's check_output"


def accept_any_output(sent: Mapping[str, object], output: object) -> str | None:  # noqa: ARG001 - an OutputCheck
    """Accept any output: the check for a service whose outputs cannot be known.

        unchecked = dataclasses.replace(plan, check_output=accept_any_output)

    Args:
        sent: the payload of the start.
        output: the output of the operation.

    Returns:
        None: nothing is wrong.
    """
    return None


def check_echo(sent: Mapping[str, object], output: object) -> str | None:
    """Check the sample app's output: it names the task, has the result Success and echoes duration and data.

        check_echo({"operation_type": "ship", "duration": 1, "data": {}}, output)

    Args:
        sent: the payload of the start.
        output: the output of the operation.

    Returns:
        What is wrong; None if nothing is.
    """
    if not isinstance(output, dict):
        return f"output is {type(output).__name__}, expected an object: {OWN_APP}"
    expected = {
        "task": sent.get("operation_type"),
        "result": "Success",
        "duration": sent.get("duration"),
        "data": sent.get("data"),
    }
    missing = [key for key in expected if key not in output]
    if missing:
        return f"{_members(missing)} missing: {OWN_APP}"
    wrong = [key for key, value in expected.items() if output[key] != value]
    return f"{_members(wrong)} not what was asked for" if wrong else None


def _members(keys: list[str]) -> str:
    """Name members of the output, as the subject of a sentence with its verb."""
    *most, last = [f"output.{key}" for key in keys]
    return f"{', '.join(most)} and {last} are" if most else f"{last} is"
