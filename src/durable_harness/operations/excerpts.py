"""What a server said as reports show it: without keys, and only so much of it. Groups of reasons take its ids out."""

from __future__ import annotations

import re

from durable_harness.foreign_text import beginning, blanked, shown

EXCERPT_CHARS = 200
FAILURE_CHARS = 400
"""Of the message of a failure: its cause is at the end, behind what it went through on its way."""
MOST_EXCERPTED_BYTES = 16_384
"""What is looked at for an excerpt: a secret that begins in it, a long token too, must be seen whole."""
ID = re.compile(r"[\w-]*(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
"""A token of a run or an instance id, which is not cut in two."""
CUT = "…"
KEY_IN_URL = re.compile(
    r"((?:[?&]|&amp;|\\u0026|%3F|%26)code(?:=|%3D))(?:(?!&amp;|\\u0026|%26)[^&\s\"'#<>])+", re.IGNORECASE
)
"""In a URL as it is, in HTML, in JSON as .NET writes it, and in a URL within a URL."""
KEY_IN_HEADER = re.compile(
    r"((?:x-functions-key|authorization)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic) )?)[^\s\"',;}]+", re.IGNORECASE
)


def excerpt(body: bytes) -> str:
    """Return the beginning of a body on one line, without the function keys that a URL in it may carry."""
    return excerpt_of_text(body[:MOST_EXCERPTED_BYTES].decode("utf-8", "replace"))


def excerpt_of_text(text: str) -> str:
    """Return the beginning of a text as `excerpt` does."""
    words = redact_keys(" ".join(beginning(text, 4 * EXCERPT_CHARS).split()))
    if len(words) <= EXCERPT_CHARS:
        return shown(words, EXCERPT_CHARS)
    return shown(words[: _outside_ids(words, EXCERPT_CHARS - len(CUT))] + CUT, EXCERPT_CHARS)


def both_ends(text: str) -> str:
    """Return the message of a failure on one line, without keys; of a long one the middle is left out."""
    if len(text) > 2 * MOST_EXCERPTED_BYTES:
        text = f"{text[:MOST_EXCERPTED_BYTES]} {text[-MOST_EXCERPTED_BYTES:]}"
    words = redact_keys(" ".join(blanked(text).split()))
    if len(words) > FAILURE_CHARS:
        half = FAILURE_CHARS // 2 - len(CUT)
        head = words[: _outside_ids(words, half)]
        backwards = len(words) - half
        end_of_id = next((found.end() for found in ID.finditer(words) if found.start() < backwards < found.end()), None)
        words = f"{head}{CUT}{words[end_of_id or backwards :]}"
    return shown(words, FAILURE_CHARS)


def _outside_ids(text: str, place: int) -> int:
    """Return where to cut a text: before an id that the place is in, whose part would be an id of no kind."""
    return next((found.start() for found in ID.finditer(text) if found.start() < place < found.end()), place)


def redact_keys(text: str) -> str:
    """Blank the `code` parameter of every URL in a text, and headers with keys that a service repeats."""
    return KEY_IN_HEADER.sub(r"\1…", KEY_IN_URL.sub(r"\1…", text))
