"""Log entries for machines: one JSON object a line.

time       UTC, RFC 3339 with milliseconds
level      Trace, Debug, Information, Warning, Error or Critical, as in host.json
category   as in host.json: Function.ship, Function.ship.User, Host.General …
message    the text, without a traceback
function   the function that it is about, or whose code wrote it; missing if it is about none
instance   the ID of its orchestration or entity; missing if it has none
exception  {type, message, place, frames: [{file, line, function, code}], causes}; missing if there is none
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from durable_harness.logs.categories import category_of, running_function, running_instance
from durable_harness.wording.foreign_text import blanked
from durable_harness.wording.tracebacks import frames_as_json, place_of

LEVELS = ((10, "Trace"), (20, "Debug"), (30, "Information"), (40, "Warning"), (50, "Error"))
"""The names of levels below these numbers."""
STARTUP = "Host.Startup"


class JsonFormatter(logging.Formatter):
    """Writes each entry as one line of ASCII, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _time(record.created),
            "level": _level(record.levelno),
            "category": category_of(record),
            "message": _message(record),
            "function": getattr(record, "function", None) or running_function.get(),
            "instance": getattr(record, "instance", None) or running_instance.get(),
            "exception": getattr(record, "exception", None) or _exception(record),
        }
        return as_line(entry)


def announcement(text: str, level: int) -> str:
    """Return the line of what a command says about itself."""
    now_s = datetime.now(UTC).timestamp()
    return as_line({"time": _time(now_s), "level": _level(level), "category": STARTUP, "message": text})


def as_line(entry: dict[str, Any]) -> str:
    """Return an entry without what it does not have, and without secrets."""
    known = {name: _blanked(value) for name, value in entry.items() if value is not None}
    # What is not ASCII becomes an escape: a terminal or a log viewer is moved by none of it.
    return json.dumps(known, default=str).replace("\x7f", "\\u007f")


def _blanked(value: Any) -> Any:
    if isinstance(value, str):
        return blanked(value)
    if isinstance(value, dict):
        return {name: _blanked(one) for name, one in value.items()}
    return [_blanked(one) for one in value] if isinstance(value, list) else value


def _time(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(number: int) -> str:
    return next((name for below, name in LEVELS if number < below), "Critical")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - arguments that do not fit are the app's mistake, and no reason to lose it
        return f"{record.msg!r} with {record.args!r} ({type(error).__name__}: {error})"


def _exception(record: logging.LogRecord) -> dict[str, Any] | None:
    """Return what an app logged with `exc_info`."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return None
    try:
        place = place_of(error)
        described = {"message": str(error), "place": place and str(place), "frames": frames_as_json(error)}
    except Exception:  # noqa: BLE001 - what a user's attributes raise
        described = {"message": "(it cannot be described)"}
    return {"type": type(error).__qualname__, **described}
