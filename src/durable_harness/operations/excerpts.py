"""The beginning of what a server said, as reports show it: without keys, and without ids that make each one another."""

from __future__ import annotations

import re

from durable_harness.foreign_text import beginning, shown

EXCERPT_CHARS = 120
MOST_EXCERPTED_BYTES = 16_384
"""What is looked at for an excerpt: a secret that begins in it, a long token too, must be seen whole."""
ID = re.compile(r"[\w-]*(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
"""A token of a run or an instance id. A reason that contains one would be the reason of a single operation."""
KEY_IN_URL = re.compile(
    r"((?:[?&]|&amp;|\\u0026|%3F|%26)code(?:=|%3D))(?:(?!&amp;|\\u0026|%26)[^&\s\"'#<>])+", re.IGNORECASE
)
"""In a URL as it is, in HTML, in JSON as .NET writes it, and in a URL within a URL."""
KEY_IN_HEADER = re.compile(
    r"((?:x-functions-key|authorization)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic) )?)[^\s\"',;}]+", re.IGNORECASE
)


def excerpt(body: bytes) -> str:
    """Return the beginning of a body on one line, without ids and the function keys that a URL in it may carry."""
    return excerpt_of_text(body[:MOST_EXCERPTED_BYTES].decode("utf-8", "replace"))


def excerpt_of_text(text: str) -> str:
    """Return the beginning of a text as `excerpt` does."""
    words = " ".join(beginning(text, 4 * EXCERPT_CHARS).split())
    return shown(ID.sub("{id}", redact_keys(words)), EXCERPT_CHARS)


def redact_keys(text: str) -> str:
    """Blank the `code` parameter of every URL in a text, and headers with keys that a service repeats."""
    return KEY_IN_HEADER.sub(r"\1…", KEY_IN_URL.sub(r"\1…", text))
