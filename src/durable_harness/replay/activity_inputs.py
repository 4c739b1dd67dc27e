"""Activity inputs as the SDK wrote them, in histories from a host that is not ours.

The Durable extension hands an activity a list of its arguments: its histories have `["\\"Ada\\""]` where the SDK wrote
`"Ada"`, a list of one string that is JSON. Ours has what the SDK wrote.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any

from durable_harness.documents import parse_json


def unpack_activity_inputs(events: Iterable[Any]) -> None:
    """Replace inputs by what the SDK wrote, in place, if every activity of a history was handed a list of arguments."""
    tasks = [event.taskScheduled for event in events if event.HasField("taskScheduled")]
    texts = [_only_argument(task.input.value) for task in tasks if task.HasField("input")]
    if any(text is None for text in texts):
        return
    for task in tasks:
        if task.HasField("input"):
            task.input.value = _only_argument(task.input.value)


def _only_argument(stored: str) -> str | None:
    """Return the JSON text that is the only item of a list; None if the input is not such a list."""
    with contextlib.suppress(ValueError, RecursionError):
        arguments = parse_json(stored)
        if isinstance(arguments, list) and len(arguments) == 1 and isinstance(arguments[0], str):
            json.loads(arguments[0])
            return arguments[0]
    return None
