"""What a durable-harness host logged about a request that it answered with an error: the answer does not show it."""

from __future__ import annotations

import re
from pathlib import Path

from durable_harness.operations import redact_keys
from durable_harness.wording.foreign_text import shown

FAILURE = re.compile(r"^\[[^\]]+\] ERROR [^:\n]+: (.+? '(.+?)' failed: .*)$", re.MULTILINE)
"""An entry about a function: type, message and place of its error are on the first line."""
MOST_READ_BYTES = 256 * 1024


def logged_failure(log: str | Path, function: str = "") -> str:
    """Return the latest failure in a log, of this function alone if one is named; empty if it has none."""
    found = [entry[1] for entry in FAILURE.finditer(_end_of(Path(log))) if function in ("", entry[2])] if log else []
    return shown(redact_keys(found[-1])) if found else ""


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - MOST_READ_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
