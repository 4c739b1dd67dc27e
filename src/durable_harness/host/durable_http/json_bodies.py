"""JSON that comes in over HTTP: kept as the text that came, after checks that cost little however large it is.

A body is measured before it is parsed. What counts is the size of the text that will be stored, without white space
between values and with characters in place of their escapes, as the Durable extension writes it.
"""

from __future__ import annotations

import json
import re
import sys

from durable_harness.protocol import MAX_JSON_DEPTH, holds_too_deep, is_text, too_deep

SHORTEST_OF_ESCAPE = 5
"""How many bytes of an escape such as \\u0041 are saved at most where the character itself is written."""
WINDOW_BYTES = 4 * 1024 * 1024
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[ \t\r\n]++', re.DOTALL)
_WHITE_SPACE = b" \t\r\n"


class JsonBodies:
    """Reads bodies. Text that is too large as it came is returned in its shortest form.

    `max_bytes` is the scheduler's limit on payloads, 0 if there is none or it is not known.
    """

    def __init__(self, max_bytes: int = 0) -> None:
        self._most = max_bytes or sys.maxsize

    def read(self, name: str, body: bytes) -> str:
        """Return JSON as it came. Raises ValueError for what is no JSON, too large or nested too deep."""
        text = self._text(name, body)
        try:
            json.loads(text)
        except ValueError as error:
            raise ValueError(f"Invalid JSON: {error}") from error
        return text if len(text) <= self._most else _TOKEN.sub(_shortest, text)

    def read_first(self, name: str, body: bytes) -> str:
        """Return the first JSON value of a body; text after it is ignored, as the Durable extension does for events."""
        text = self._text(name, body).lstrip()
        try:
            _, end = json.JSONDecoder().raw_decode(text)
        except ValueError as error:
            raise ValueError(f"Invalid JSON content: {error}") from error
        return text[:end] if end <= self._most else _TOKEN.sub(_shortest, text[:end])

    def _text(self, name: str, body: bytes) -> str:
        if len(body) > self._most and is_larger(body, self._most):
            raise ValueError(
                f"The {name} is too large: it came as {len(body)} bytes, and a payload may have {self._most} at"
                " most, white space not counted. Keep large data elsewhere and pass a reference to it."
            )
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"Invalid JSON: {error}. A compressed body is not unpacked.") from error
        if len(text) > MAX_JSON_DEPTH and holds_too_deep(text):  # shorter text has too few brackets
            raise ValueError(too_deep(name))
        return text


def is_larger(body: bytes, max_bytes: int) -> bool:
    """Whether JSON is larger even in its shortest form. Of a body far too large only the beginning is read."""
    size = 0
    for start in range(0, len(body), WINDOW_BYTES):
        size += least_size(body[start : start + WINDOW_BYTES]) - SHORTEST_OF_ESCAPE  # which may be cut in two
        if size > max_bytes:
            return True
    return False


def least_size(body: bytes) -> int:
    """Return how many bytes a part of JSON has at least in its shortest form. It is not parsed for that."""
    shown = len(body.translate(None, _WHITE_SPACE))
    return shown - SHORTEST_OF_ESCAPE * body.count(b"\\u") - body.count(b"\\/")


def _shortest(token: re.Match[str]) -> str:
    text = token[0]
    if text[0] != '"':
        return ""
    if "\\" not in text:
        return text
    written = json.dumps(json.loads(text), ensure_ascii=False)
    return written if is_text(written) else text
