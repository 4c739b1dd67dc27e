"""Output for readers whose encoding has fewer characters than ours: pipes and files on Windows, for one."""

from __future__ import annotations

import codecs
import sys

AS_PLAIN_TEXT = {
    "…": "...",
    "≤": "<=",
    "≥": ">=",
    "±": "+/-",
    "∞": "inf",
    "→": "->",
    "·": "-",
    "█": "#",
    "─": "-",
    "│": "|",
    "├": "|",
    "└": "`",
}
PLAIN = "durable-harness-plain"
"""The name of the handler of errors that writes plain text for what an encoding lacks."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    escaped = (AS_PLAIN_TEXT.get(one) or one.encode("ascii", "backslashreplace").decode() for one in text)
    return "".join(escaped), error.end


codecs.register_error(PLAIN, _plain)


def in_utf8() -> dict[str, str]:
    """Return what the environment of a Python process has besides, so that its output is UTF-8."""
    return {"PYTHONIOENCODING": "utf-8"} if sys.platform == "win32" else {}
