"""A server's text as reports show it: without keys, and not all of it. Groups of reasons take its ids out."""

from __future__ import annotations

import re

from durable_harness.wording.foreign_text import beginning, blanked, shown

EXCERPT_CHARS = 200
"""Of a server's text: two lines of a terminal."""
FAILURE_CHARS = 400
"""Of the message of a failure: its cause is at the end, behind what it went through on its way."""
MOST_EXCERPTED_BYTES = 16_384
"""What is looked at for an excerpt: a secret that begins in it, a long token too, must be seen whole."""
ID = re.compile(r"[\w-]*(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
"""A token of a run or an instance id, which is not cut in two."""
LONGEST_ID = 160
"""Characters around a cut in which an id is looked for: instance ids are up to 100 characters, a run's tokens less."""
CUT = "…"
TRACEBACK = "Traceback (most recent call last):"
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
    return shown(words[: _id_around(words, EXCERPT_CHARS - len(CUT))[0]] + CUT, EXCERPT_CHARS)


def without_frames(text: str) -> str:
    """Return the message of a failure without Python's traceback in it, except for the last line: what was raised."""
    head, header, frames = text.partition(TRACEBACK)
    lines = frames.strip().splitlines()
    raised = lines[-1].strip() if lines else ""
    if not header or not head.strip() or not raised:
        return text
    return head if raised in head else f"{head}{CUT} {raised}"


def both_ends(text: str) -> str:
    """Return the message of a failure on one line, without keys; of a long one the middle is left out."""
    text = without_frames(text)
    if len(text) > 2 * MOST_EXCERPTED_BYTES:
        text = f"{text[:MOST_EXCERPTED_BYTES]} {text[-MOST_EXCERPTED_BYTES:]}"
    words = redact_keys(" ".join(blanked(text).split()))
    if len(words) > FAILURE_CHARS:
        half = FAILURE_CHARS // 2 - len(CUT)
        before = _id_around(words, half)[0]
        after = _id_around(words, len(words) - half)[1]
        words = f"{words[:before]}{CUT}{words[after:]}"
    return shown(words, FAILURE_CHARS)


def _id_around(text: str, place: int) -> tuple[int, int]:
    """Return where the id begins and ends that a place is in: a part of it would be an id of no kind.

    Of a place in no id, the place is both.
    """
    # Not the whole text: of a long word, the search for an id in it takes the square of its length.
    first = max(0, place - LONGEST_ID)
    around = text[first : place + LONGEST_ID]
    spans = ((first + found.start(), first + found.end()) for found in ID.finditer(around))
    return next(((begin, end) for begin, end in spans if begin < place < end), (place, place))


def redact_keys(text: str) -> str:
    """Blank the `code` parameter of every URL in a text, and headers with keys that a service repeats.

        redact_keys("GET /api/orders?code=KEY") == "GET /api/orders?code=…"

    Args:
        text: any text, such as a service's answer.
    """
    return KEY_IN_HEADER.sub(r"\1…", KEY_IN_URL.sub(r"\1…", text))
