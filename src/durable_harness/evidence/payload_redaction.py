"""The payload of starts in logs and errors: it is private data, and kept out of evidence files.

It is found as a whole, however an app writes it, and its texts wherever they stand as words. Single numbers are not
looked for: any figure of a report may be the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from durable_harness.wording.secret_writings import char_patterns

PLACEHOLDER = re.compile(r"(\{(?:token|number|duration)\})")
LEAST_CHARS = 4
"""Shorter words, such as `id` or `EUR`, are found in the whole payload only."""
SENT = re.compile(
    r"(?<=\n  Sent: )[^\n]+|(?<=\\n  Sent: ).{1,1500}?(?=\\+n)|(?<=\| Sent: ).{1,1500}?(?= \\?\| )",
)
"""What an error before the load repeats of a payload, shortened: in a line of its own, which JSON has within a text,
or beside the other lines, as reports have it."""
QUOTE = r"\\{0,8}(?:[\"']|&quot;|&#34;|&#x27;|&#39;)"
FILLED_IN = r"[^\"'\\&,}\]]{0,200}"
WORDS = {True: "[tT]rue", False: "[fF]alse", None: "(?:null|None)"}


def payload_patterns(payload: Any) -> Iterator[re.Pattern[str]]:
    """Yield patterns for a payload, then for its texts, the longest first; nothing without a payload."""
    if payload is None:
        return
    yield SENT
    texts = sorted(set(_texts(payload)), key=lambda one: (-len(one), one))
    # A list of numbers is in many a report.
    if payload and (isinstance(payload, dict) or (isinstance(payload, list) and texts)):
        yield re.compile(_whole(payload))
    for text in texts:
        # What is a figure or a word of JSON without its quotes may be one of any document.
        before, after = (r"(?<=[\"';])", r"(?=[\\\"'&])") if _is_literal(text) else (r"(?<!\w)", r"(?!\w)")
        yield re.compile(f"{before}{_plain(text)}{after}")


def _is_literal(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        pieces = (piece.strip() for piece in PLACEHOLDER.split(value) if not PLACEHOLDER.fullmatch(piece))
        yield from (piece for piece in pieces if len(piece) >= LEAST_CHARS)


def _whole(value: Any) -> str:
    """Return what finds a JSON value, also as Python writes it, and within a JSON text or a page."""
    if isinstance(value, dict):
        members = (rf"{_whole(name)}\s*:\s*{_whole(each)}" for name, each in value.items())
        return rf"\{{\s*{_SEPARATOR.join(members)}\s*\}}"
    if isinstance(value, list):
        return rf"\[\s*{_SEPARATOR.join(map(_whole, value))}\s*\]"
    if isinstance(value, str):
        pieces = (FILLED_IN if PLACEHOLDER.fullmatch(piece) else _plain(piece) for piece in PLACEHOLDER.split(value))
        # "{duration}" alone becomes a number.
        return rf"(?:{QUOTE})?{''.join(pieces)}(?:{QUOTE})?"
    return WORDS[value] if isinstance(value, bool) or value is None else re.escape(json.dumps(value))


_SEPARATOR = r"\s*,\s*"


def _plain(text: str) -> str:
    return "".join(one.pattern for one in char_patterns(text))
